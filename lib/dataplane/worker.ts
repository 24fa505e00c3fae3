/**
 * The data-plane thread: its composition root, and how it waits. One round after the other; between rounds it takes the control
 * thread's requests; without work it sleeps in poll(2) on its devices and the wake eventfd for as long as the timers allow, so an idle director
 * uses no processor time. The event loop of this thread never runs in live operation (the port is read by receiveMessageOnPort), only
 * with pcap devices, whose frames come out of it.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { allocate, eventfdClear, PollSet, watchReadable } from '../../native-shims/index.ts';
import { GuardPredicate } from '../device/guard-predicate.ts';
import { OpenDevices } from '../device/open-devices.ts';
import { LvsError } from '../model/errors.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { WorkerReport, WorkerRequest, WorkerSetup } from '../model/worker-message.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { Dataplane } from './dataplane.ts';
import { DeviceSink } from './device-sink.ts';
import { Loop } from './loop.ts';
import { OwnVips } from './own-vips.ts';
import { WorkerRequests } from './worker-requests.ts';

/** A million entries that run out together must not keep packets waiting. */
const TIMERS_PER_ROUND = 2048;

const nowMs = (): number => performance.now();
const report = (message: WorkerReport): void => parentPort!.postMessage(message);

try {
  await run(workerData as WorkerSetup);
} catch (error) {
  report({ kind: 'crashed', message: error instanceof Error ? error.stack ?? error.message : String(error) });
  process.exitCode = 1;
}

async function run(setup: WorkerSetup): Promise<void> {
  const opened = openDevices(setup);
  if (opened === null) return;
  const devices = opened.list;
  const dataplane = new Dataplane({ maxConnections: setup.maxConnections, connTabSize: setup.connTabSize, startMs: nowMs(), timersPerAdvance: TIMERS_PER_ROUND, limitIcmp: true, allocate: (bytes) => allocate(bytes, true) });
  const ownVips = setup.ownVips ? new OwnVips() : null;
  const guard = new GuardPredicate();
  const host = devices.find(({ interfaceIdx }) => interfaceIdx === INTERFACE_LOCAL)?.device ?? null;
  const sink = new DeviceSink(devices, { host, guard, answerer: ownVips, routes: dataplane.network, onResolve: (interfaceIdx, address) => report({ kind: 'resolve', interfaceIdx, address }) });
  const loop = new Loop(dataplane, devices, sink, nowMs);
  const requests = new WorkerRequests(dataplane, {
    report, nowMs, longestBurstMs: () => loop.longestBurstMs,
    onNarrow: () => guard.narrow(),
    onEdit: (edit: TableEdit) => {
      if (edit.op === 'network') opened.follow(edit.state);
      guard.apply(edit);
      ownVips?.edit(edit, sink);
    },
    devices: () => devices.map(({ device: { name, kind, counters } }) => ({
      interface: name, device: kind, received: counters.received, transmitted: counters.transmitted, receiveDrops: counters.receiveDrops, transmitDrops: counters.transmitDrops,
    })),
  });
  const fds = [setup.wakeFd, ...devices.flatMap(({ device }) => device.pollFds)];
  const sleep = setup.device === 'pcap' ? eventLoopSleep(fds) : pollSleep(fds);
  const posted = new Int32Array(setup.posted);
  let seen = 0;
  report({ kind: 'ready' });
  for (;;) {
    const count = Atomics.load(posted, 0);
    if (count !== seen) {
      seen = count;
      drain(setup, requests);
      if (requests.closing !== null) break;
    }
    const idleMs = loop.round();
    if (requests.slice()) continue;
    // NB: no await on the way to poll; one would cost a promise a round.
    const slept = sleep(Atomics.load(posted, 0) === seen ? idleMs : 0);
    if (slept !== null) await slept;
  }
  opened.close();
  report({ kind: 'done', id: requests.closing! });
  // NB: not the event loop's end: pcap sessions would keep it alive.
  process.exit(0);
}

/** Null after a refusal was reported. */
function openDevices(setup: WorkerSetup): OpenDevices | null {
  try {
    return new OpenDevices(setup, { index: 0, of: 1 }, (name, line) => report({ kind: 'line', interface: name, line }));
  } catch (error) {
    if (!(error instanceof LvsError)) throw error;
    report({ kind: 'refused', code: error.code, message: error.message });
    return null;
  }
}

function drain({ requests: port }: WorkerSetup, requests: WorkerRequests): void {
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) requests.handle(received.message as WorkerRequest);
}

/** Sleep without the event loop. The first descriptor is the wake eventfd; a signal may come later than its request was seen. */
function pollSleep(fds: readonly number[]): (idleMs: number) => null {
  const set = new PollSet(fds);
  const wakeFd = fds[0]!;
  return (idleMs) => {
    if (idleMs !== 0 && set.wait(idleMs) > 0 && set.ready(0) !== 0) eventfdClear(wakeFd);
    return null;
  };
}

/** Sleep in the event loop, for devices that receive there. */
function eventLoopSleep(fds: readonly number[]): (idleMs: number) => Promise<void> {
  let wake: () => void = () => {};
  for (const fd of fds) {
    watchReadable(fd, () => {
      if (fd === fds[0]) eventfdClear(fd);
      wake();
    });
  }
  return (idleMs) => new Promise((resolve) => {
    if (idleMs <= 0) {
      setImmediate(resolve);
      return;
    }
    const timer = setTimeout(resolve, Math.min(idleMs, 0x7fffffff));
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
