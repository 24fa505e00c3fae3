/** Stands for the data-plane worker in workers.test.ts: answers over the same port, with the event loop instead of poll. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PlaneShare, WorkerReport, WorkerRequest, WorkerSetup } from '../../lib/model/worker-message.ts';

const { requests, interfaces, forwarderFds } = workerData as WorkerSetup;
const report = (message: WorkerReport): void => parentPort!.postMessage(message);

if (interfaces[0]?.name === 'absent') {
  report({ kind: 'refused', code: 'NoSuchDevice', message: 'no interface named absent' });
  process.exit(0);
}
report({ kind: 'ready', shares: forwarderFds.map((_fd, number) => ({ number }) as PlaneShare) });
requests.on('message', (request: WorkerRequest) => {
  switch (request.op) {
    case 'apply':
      if (request.edits.some(({ op }) => op === 'flush')) throw new Error('the sky fell');
      report({ kind: 'done', id: request.id });
      return;
    case 'narrow':
      report({ kind: 'done', id: request.id });
      return;
    case 'connections':
      for (const last of [false, true]) report({ kind: 'connections', id: request.id, records: [{ clientPort: last ? 2 : 1 } as never], last });
      return;
    case 'trace':
      report({ kind: 'trace', record: { timeMs: 1, interface: 'eth0', packet: 'TCP', steps: [], verdict: 'pass', reason: '' } });
      report({ kind: 'resolve', interfaceIdx: 1, address: '10.1.0.1' });
      report({ kind: 'done', id: request.id });
      return;
    case 'stats':
      report({ kind: 'failed', id: request.id, message: 'no figures today' });
      return;
    case 'close':
      process.exit(0);
  }
});
