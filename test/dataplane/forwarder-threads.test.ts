/** Forwarders in threads of their own, for real, while the owner does everything that could pull the rug from under them. */
import t from 'tap';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PACKETS } from '../../lib/dataplane/connection-layout.ts';
import { addressOf, allocate, memoryAt, monotonicMs, nativeProblem } from '../../native-shims/index.ts';
import { CL0, destination, server, TestDirector, udpFrame, udpService, VIP } from '../support/frames.ts';

const SKIP = nativeProblem() ?? false;
const CLIENTS = 2000;
const FORWARDERS = 2;
/** Frames that each forwarder must have forwarded by itself. */
const ENOUGH = 20_000;
const MOST_MS = 40_000;

t.test('while connections come and go, the index grows and shrinks, destinations leave and return: no frame is led astray, no packet is counted twice or not at all', { skip: SKIP, timeout: 60_000 }, async (t) => {
  const owner = new TestDirector({
    maxConnections: 1 << 16, startMs: monotonicMs(),
    // NB: what is given back is unmapped, as in the daemon: who looks at it then, crashes.
    allocate: (bytes) => allocate(bytes),
    sharing: { forwarders: FORWARDERS, sources: [{ interfaceIdx: CL0, kind: 'packet' }], addressOf },
  });
  const moving = destination(server(3), 5353);
  owner.serve(udpService(53), destination(server(1), 5351), destination(server(2), 5352), moving);
  owner.serve(udpService(54), destination(server(4), 5354));
  const forwarders = owner.dataplane.forwarders!;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workers = forwarders.shares().map((share) => new Worker(new URL('./forwarder-thread.js', import.meta.url), { workerData: { share, clients: CLIENTS, stop } }));
  const done = workers.map((worker) => once(worker, 'message'));
  const failed = Promise.race(workers.map((worker) => once(worker, 'error').then(([error]) => { throw error; })));
  failed.catch(() => undefined);

  const round = (): void => {
    owner.nowMs = monotonicMs();
    for (const { interfaceIdx, device } of forwarders.devices) {
      for (let bursts = 0; bursts < 4 && device.receive(device.burst) > 0; bursts++) {
        owner.dataplane.burst(interfaceIdx, device.burst, owner, owner.nowMs);
        device.recycle();
      }
    }
    owner.dataplane.advance(owner, owner.nowMs);
    owner.take();
    forwarders.quiescence.turn();
  };
  let own = 0, other = 0, moves = 0, present = true;
  const endMs = monotonicMs() + MOST_MS;
  const isEnough = (): boolean => moves >= 6 && forwarders.stats().every(({ fast, handedOver }) => fast >= ENOUGH && handedOver >= 1000);
  for (let step = 0; monotonicMs() < endMs && !isEnough(); step++) {
    round();
    // The same connections as a forwarder's, at the same time.
    const frames = Array.from({ length: 20 }, (_unused, i) => {
      const n = (step * 20 + i) % CLIENTS;
      return udpFrame(`203.0.${n >> 8}.${n & 0xff}`, 40000, VIP, 53, ' x ');
    });
    owner.sendBy(CL0, 0, ...frames);
    own += frames.length;
    // Others, which grow the index and end soon.
    if (step % 4 === 0) {
      const many = Array.from({ length: 100 }, () => udpFrame(`198.18.${(other >> 8) & 0xff}.${other & 0xff}`, 1024 + (other++ >> 16), VIP, 54, 'o'));
      owner.sendBy(CL0, 0, ...many);
    }
    if (step % 100 === 0) owner.edit({ op: 'timeouts', timeouts: { tcp: 0, tcpFin: 0, udp: (step / 100) % 2 === 0 ? 300 : 1 } });
    if (step % 40 === 0) {
      owner.edit(present ? { op: 'deleteDestination', id: udpService(53).id, address: moving.address, port: moving.port } : { op: 'addDestination', id: udpService(53).id, destination: moving });
      present = !present;
      moves++;
    }
    // Yields to the threads' messages now and then.
    if (step % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  const reports = (await Promise.race([Promise.all(done), failed])).map(([report]) => report as { injected: number; sent: number; faults: string[] });
  for (let i = 0; i < 2000; i++) round();

  t.same(reports.flatMap(({ faults }) => faults), []);
  const stats = owner.dataplane.stats();
  const injected = reports.reduce((sum, report) => sum + report.injected, 0);
  const lost = stats.workers.reduce((sum, worker) => sum + worker.lost, 0);
  const unavailable = owner.drops()['destinationUnavailable'] ?? 0;
  t.same(stats.workers.slice(1).map(({ frames, fast, handedOver, lost: gone }) => fast + handedOver + gone === frames), [true, true]);
  t.same(stats.workers.slice(1).map(({ frames, fast }) => [frames, fast]), reports.map(({ injected: frames, sent: fast }) => [frames, fast]));
  t.equal(stats.received, injected + own + other, 'frames received, those that were lost on the way to the owner among them');
  t.equal(stats.total.inPkts, injected - lost + own + other - unavailable, 'packets counted');
  t.equal(stats.services.reduce((sum, { stats: { inPkts } }) => sum + inPkts, 0), stats.total.inPkts, 'the services\' sum');
  t.ok(moves >= 6 && reports.every(({ sent }) => sent >= ENOUGH), JSON.stringify({ moves, other, reports, connections: stats.connections, unavailable, lost }));
});

t.test('two threads count on one connection without losing a packet', { skip: SKIP, timeout: 60_000 }, async (t) => {
  const owner = new TestDirector({ maxConnections: 1024, startMs: monotonicMs(), allocate: (bytes) => allocate(bytes), sharing: { forwarders: 1, sources: [{ interfaceIdx: CL0, kind: 'packet' }], addressOf } });
  owner.serve(udpService(53), destination(server(1), 5351));
  const forwarders = owner.dataplane.forwarders!;
  const [share] = forwarders.shares();
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const frame = udpFrame('203.0.0.0', 40000, VIP, 53, ' 203.0.0.0 40000 ');
  owner.send(Buffer.from(frame));
  const worker = new Worker(new URL('./forwarder-thread.js', import.meta.url), { workerData: { share, clients: 1, stop } });
  const done = once(worker, 'message');
  let own = 1;
  const endMs = monotonicMs() + MOST_MS;
  while (monotonicMs() < endMs && (forwarders.stats()[0]!.fast < ENOUGH || own < ENOUGH)) {
    owner.nowMs = monotonicMs();
    owner.sendBy(CL0, 0, ...Array.from({ length: 50 }, () => Buffer.from(frame)));
    own += 50;
    if (own % 1000 === 1) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  const [{ injected, sent }] = await done as [{ injected: number; sent: number }];
  for (const { interfaceIdx, device } of forwarders.devices) while (device.receive(device.burst) > 0) {
    owner.dataplane.burst(interfaceIdx, device.burst, owner, owner.nowMs);
    device.recycle();
  }
  const { total, connections, workers } = owner.dataplane.stats();
  t.equal(connections, 1);
  t.ok(sent >= ENOUGH && own >= ENOUGH, `${sent} by the other thread, ${own} by this`);
  const expected = injected - workers[1]!.lost + own;
  t.equal(total.inPkts, expected);
  t.equal(new Int32Array(memoryAt(share!.words.address, share!.words.bytes))[PACKETS]! >>> 0, expected >>> 0, 'the connection\'s own count');
});
