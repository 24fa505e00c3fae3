/** A forwarder in a thread of its own, which gets frames of many clients as fast as it and the owner can take them, and looks at what it sends. For forwarder-threads.test.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { Forwarder } from '../../lib/dataplane/forwarder.ts';
import { ForwarderTally } from '../../lib/dataplane/forwarder-tally.ts';
import { HandoverWriter } from '../../lib/dataplane/handover.ts';
import { contextOf } from '../../lib/dataplane/plane-share.ts';
import { LoopbackDevice } from '../../lib/device/loopback.ts';
import type { PlaneShare } from '../../lib/model/worker-message.ts';
import { FrameMemory, type FrameSink } from '../../lib/wire/frame.ts';
import { memoryAt, monotonicMs } from '../../native-shims/index.ts';
import { transportChecksum, viewFrame } from '../support/frame-view.ts';
import { udpFrame, VIP } from '../support/frames.ts';

const { share, clients, stop } = workerData as { share: PlaneShare; clients: number; stop: Int32Array };
const at = ({ address, bytes }: { address: number; bytes: number }): ArrayBuffer => memoryAt(address, bytes);
/** More would only fill the ring: the owner of the test is slow. */
const MOST_WAITING_UNITS = 2000;
const faults: string[] = [];
let sent = 0;

const sink: FrameSink = {
  transmit(_interfaceIdx, memory, off, len) {
    if (++sent % 16 !== 0) return;
    const bytes = Buffer.from(memory.u8.subarray(off, off + len));
    const frame = viewFrame(bytes);
    const [, client, port] = bytes.subarray(42).toString('latin1').split(' ');
    // Server n listens at 5350 + n, and every frame says whose it is.
    if (frame.src !== client || String(frame.sport) !== port || frame.dport !== 5350 + Number(frame.dst!.split('.')[3]) || transportChecksum(bytes.subarray(26, 30), bytes.subarray(30, 34), 17, frame.l4!) !== 0) faults.push(JSON.stringify({ client, port, ...frame }));
  },
  pass() {}, deliver() {}, resolve() {},
};
const ring = new HandoverWriter(new FrameMemory(at(share.rings[0]!.memory)));
const device = new LoopbackDevice('if0', { slots: 300, longest: 200 });
const forwarder = new Forwarder({
  context: contextOf(share, new ForwarderTally(new Float64Array(at(share.totals))), memoryAt), lines: new Int32Array(at(share.lines)), line: share.number,
  macs: new Int32Array(at(share.macs)), figures: new Float64Array(at(share.figures)), nowMs: monotonicMs, sink, wakeOwner: () => {},
  devices: [{ interfaceIdx: 0, device, ring }],
});
const frames = Array.from({ length: clients }, (_unused, i) => {
  const client = `203.0.${i >> 8}.${i & 0xff}`, port = 40000 + share.number;
  return udpFrame(client, port, VIP, 53, ` ${client} ${port} `);
});
let injected = 0;
for (let next = 0; Atomics.load(stop, 0) === 0;) {
  for (let i = 0; i < 250; i++, next = (next + 7) % frames.length) if (device.inject(frames[next]!)) injected++;
  while (forwarder.round() > 0);
  while (((ring.head - ring.tail) | 0) > MOST_WAITING_UNITS && Atomics.load(stop, 0) === 0) Atomics.wait(stop, 0, 0, 1);
}
parentPort!.postMessage({ injected, sent, faults: faults.slice(0, 5) });
