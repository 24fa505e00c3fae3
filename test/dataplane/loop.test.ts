import t from 'tap';
import { DeviceSink } from '../../lib/dataplane/device-sink.ts';
import { Loop } from '../../lib/dataplane/loop.ts';
import { WorkerRequests } from '../../lib/dataplane/worker-requests.ts';
import type { Device } from '../../lib/device/device.ts';
import type { ConnectionRecord, DataplaneStats } from '../../lib/model/stats.ts';
import type { WorkerReport } from '../../lib/model/worker-message.ts';
import { FrameBurst, FrameMemory, INTERFACE_LOCAL, type FrameSink } from '../../lib/wire/frame.ts';

/** A device that writes down what is done to it, in one list shared by all. */
class NotedDevice implements Device {
  readonly kind = 'noted';
  readonly name: string;
  readonly pollFds = [];
  readonly counters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  readonly burst = new FrameBurst(new FrameMemory(new ArrayBuffer(64)));
  waiting = 0;
  readonly #notes: string[];
  constructor(name: string, notes: string[]) {
    this.name = name;
    this.#notes = notes;
  }
  receive(burst: FrameBurst): number {
    burst.count = this.waiting;
    this.waiting = 0;
    return burst.count;
  }
  transmit(_memory: FrameMemory, off: number, len: number): void { this.#notes.push(`${this.name} transmit ${off} ${len}`); }
  flush(): void { this.#notes.push(`${this.name} flush`); }
  recycle(): void { this.#notes.push(`${this.name} recycle`); }
  close(): void {}
}

const MEMORY = new FrameMemory(new ArrayBuffer(64));

t.test('a round is: timers, bursts of each device, flush of all, then recycle of all', async (t) => {
  const notes: string[] = [];
  const one = new NotedDevice('one', notes);
  const two = new NotedDevice('two', notes);
  const devices = [{ interfaceIdx: 0, device: one }, { interfaceIdx: 5, device: two }];
  const sink = new DeviceSink(devices, { onResolve: () => {} });
  const core = {
    advance: () => { notes.push('advance'); return 250; },
    burst: (interfaceIdx: number, frames: FrameBurst, to: FrameSink) => {
      notes.push(`burst ${interfaceIdx} ${frames.count}`);
      to.transmit(5, MEMORY, 2, 60, 0);
    },
  };
  let now = 0;
  const loop = new Loop(core, devices, sink, () => now++);
  one.burst.len.set([60, 70, 80]);
  one.waiting = 3;
  t.equal(loop.round(), 0, 'after work it does not sleep');
  t.same(notes, ['advance', 'burst 0 3', 'two transmit 2 60', 'one flush', 'two flush', 'one recycle', 'two recycle']);
  t.equal(loop.longestBurstMs, 1);
  t.equal(loop.bytes, 210);
  notes.length = 0;
  t.equal(loop.round(), 250, 'without work it may sleep as long as the timers say');
  t.same(notes, ['advance', 'one flush', 'two flush', 'one recycle', 'two recycle']);
});

t.test('a device that is dear to look at is looked at when the sleep found something there, and now and then', async (t) => {
  const cheap = new NotedDevice('cheap', []);
  const dear = Object.assign(new NotedDevice('dear', []), { dearToLook: true });
  let looks = 0;
  const receive = dear.receive.bind(dear);
  dear.receive = (burst) => { looks++; return receive(burst); };
  const devices = [{ interfaceIdx: 0, device: dear }, { interfaceIdx: 1, device: cheap }];
  const loop = new Loop({ advance: () => 250, burst: () => {} }, devices, new DeviceSink(devices, { onResolve: () => {} }), () => 0);
  for (let i = 0; i < 32; i++) {
    cheap.waiting = 1;
    loop.round(false);
  }
  t.equal(looks, 2, 'twice in 32 rounds');
  loop.round(true);
  t.equal(looks, 3);
  for (let i = 0; i < 15; i++) loop.round(false);
  t.equal(looks, 3, 'not soon again');
  loop.round(false);
  t.equal(looks, 4);
});

t.test('a passed frame goes back to the host only if the guard had taken it', async (t) => {
  const notes: string[] = [];
  const host = new NotedDevice('host', notes);
  const sink = new DeviceSink([], { host, guard: { takes: (interfaceIdx) => interfaceIdx === 1 }, onResolve: () => {} });
  sink.pass(0, MEMORY, 2, 60, 0);
  t.same(notes, []);
  sink.pass(1, MEMORY, 2, 60, 0);
  t.same(notes, ['host transmit 2 60']);
  t.equal(sink.returned, 1);
});

t.test('what the host sends and is no answer of a local node goes on by the routes', async (t) => {
  const notes: string[] = [];
  const memory = new FrameMemory(new ArrayBuffer(256));
  memory.u8.set([0x45, ...new Array<number>(15).fill(0), 203, 0, 113, 7], 16);
  const sink = new DeviceSink([{ interfaceIdx: 4, device: new NotedDevice('four', notes) }], {
    host: new NotedDevice('host', notes), guard: { takes: () => true }, onResolve: () => {},
    routes: {
      route: (family, w0) => (family === 4 && w0 === 0x077100cb ? 9 : -2),
      send: (hop, frames, l3Off, l3End, offload, to) => { notes.push(`hop ${hop}`); to.transmit(4, frames, l3Off - 14, l3End - l3Off + 14, offload); },
    },
  });
  sink.pass(INTERFACE_LOCAL, memory, 2, 60, 0);
  t.same(notes, ['hop 9', 'four transmit 2 60']);
  memory.u8[16] = 0x60;
  sink.pass(INTERFACE_LOCAL, memory, 2, 60, 0);
  t.equal(sink.lost, 1);
});

t.test('frames for nowhere are counted, not thrown', async (t) => {
  const sink = new DeviceSink([], { onResolve: () => {} });
  sink.transmit(3, MEMORY, 2, 60, 0);
  sink.transmit(INTERFACE_LOCAL, MEMORY, 2, 60, 0);
  sink.deliver(0, MEMORY, 2, 60, 0);
  t.equal(sink.lost, 3);
});

t.test('a dump is answered in slices, one a round, and ends with the last', async (t) => {
  const reports: WorkerReport[] = [];
  const record = { client: '203.0.113.7' } as ConnectionRecord;
  const cursors: number[] = [];
  const requests = new WorkerRequests(
    {
      edit: () => { throw new Error('no such service'); }, stats: () => ({ bursts: 9, workers: [{ frames: 3, bytes: 0, cpuMs: 0 }, { frames: 4, bytes: 40, cpuMs: 5 }] }) as unknown as DataplaneStats, trace: () => {}, ask: () => { throw new Error('not asked'); },
      connections: (cursor, limit, out) => {
        cursors.push(cursor);
        out.push(record);
        return cursor === 0 ? limit : -1;
      },
    },
    { report: (message) => reports.push(message), nowMs: () => 0, devices: () => [], loop: () => ({ longestBurstMs: 4, bytes: 30, cpuMs: 7 }), onEdit: () => {}, onNarrow: () => {}, settled: (callback) => callback() },
  );
  const question = { id: 7, stop: false };
  requests.handle({ id: 9, op: 'ask', question: 'readShadow', asked: question });
  t.match(reports.splice(0), [{ kind: 'failed', id: 9, message: /not asked/ }]);
  requests.handle({ id: 1, op: 'connections' });
  t.same(reports, [], 'nothing before the next round');
  t.equal(requests.slice(), true);
  t.equal(requests.slice(), false);
  t.equal(requests.slice(), false);
  t.same(reports, [{ kind: 'connections', id: 1, records: [record], last: false }, { kind: 'connections', id: 1, records: [record], last: true }]);
  t.equal(cursors.length, 2);

  reports.length = 0;
  requests.handle({ id: 2, op: 'stats' });
  t.same(reports, [{ kind: 'stats', id: 2, stats: { bursts: 9, workers: [{ frames: 3, bytes: 30, cpuMs: 7 }, { frames: 4, bytes: 40, cpuMs: 5 }], longestBurstMs: 4 }, devices: [] }]);

  reports.length = 0;
  requests.handle({ id: 3, op: 'apply', edits: [{ op: 'flush' }] });
  t.match(reports, [{ kind: 'failed', id: 3, message: /no such service/ }], 'an edit that throws is an answer, not the end of the thread');
});
