/** Stands for a forwarder in workers.test.ts: runs until it is to close; on an interface named "breaks" it dies soon, on "refuses" it does not start. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ForwarderSetup, WorkerReport } from '../../lib/model/worker-message.ts';

const { interfaces, closing, share } = workerData as ForwarderSetup;
const report = (message: WorkerReport): void => parentPort!.postMessage(message);
const name = interfaces[0]!.name;

if (name === 'refuses') {
  report({ kind: 'refused', code: 'NoMemory', message: 'no memory for a receive ring' });
} else {
  report({ kind: 'ready', shares: [] });
  setInterval(() => {
    if (name === 'breaks' && share.number === 1) process.exit(3);
    if (Atomics.load(new Int32Array(closing), 0) !== 0) process.exit(0);
  }, 10);
}
