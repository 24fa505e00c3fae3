/**
 * The data-plane thread: its composition root, and how it waits. One round after the other; between rounds it takes the control
 * thread's requests; without work it sleeps in poll(2) on its devices and the wake eventfd for as long as the timers allow, so an idle director
 * uses no processor time. The event loop of this thread never runs in live operation (the port is read by receiveMessageOnPort), only
 * with pcap devices, whose frames come out of it.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { addressOf, allocate, eventfdSignal, monotonicMs, populateSoon, threadCpuMs } from '../../native-shims/index.ts';
import { PacketDevice } from '../device/af-packet.ts';
import { GuardPredicate } from '../device/guard-predicate.ts';
import { OpenDevices } from '../device/open-devices.ts';
import { LvsError } from '../model/errors.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { WorkerReport, WorkerRequest, WorkerSetup } from '../model/worker-message.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { Dataplane } from './dataplane.ts';
import { DeviceSink } from './device-sink.ts';
import { sourcesOf, type Forwarders } from './forwarders.ts';
import { Loop } from './loop.ts';
import { OwnVips } from './own-vips.ts';
import { WorkerRequests } from './worker-requests.ts';
import { eventLoopSleep, pollSleep, type Sleep } from './worker-sleep.ts';

/** A million entries that run out together must not keep packets waiting. */
const TIMERS_PER_ROUND = 2048;

/** Memory of this size and more lies in huge pages. */
const HUGE_BYTES = 2 << 20;

/** How long the owner sleeps at most while somebody waits for the forwarders to have seen something. */
const SETTLING_MS = 1;

/** NB: not performance.now(), which every thread counts from a moment of its own. */
const nowMs = monotonicMs;
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
  const sources = sourcesOf(setup.interfaces);
  const dataplane = new Dataplane({
    maxConnections: setup.maxConnections, connTabSize: setup.connTabSize, startMs: nowMs(), timersPerAdvance: TIMERS_PER_ROUND, limitIcmp: true,
    allocate(bytes) {
      const memory = allocate(bytes, bytes >= HUGE_BYTES);
      return { buffer: memory.buffer, release: () => memory.release(setup.populator) };
    },
    populate: (words, begin, end) => populateSoon(setup.populator, words, begin, end),
    ...(setup.forwarderFds.length === 0 ? {} : { sharing: { forwarders: setup.forwarderFds.length, sources, addressOf } }),
  });
  const { forwarders } = dataplane;
  const ownVips = setup.ownVips ? new OwnVips() : null;
  const guard = new GuardPredicate();
  const host = devices.find(({ interfaceIdx }) => interfaceIdx === INTERFACE_LOCAL)?.device ?? null;
  const sink = new DeviceSink(devices, { host, guard, answerer: ownVips, routes: dataplane.network, stolen: forwarders?.stolen ?? [], onResolve: (interfaceIdx, address) => report({ kind: 'resolve', interfaceIdx, address }) });
  const loop = new Loop(dataplane, [...devices, ...forwarders?.devices ?? []], sink, nowMs);
  const requests = new WorkerRequests(dataplane, {
    report, nowMs, loop: () => ({ longestBurstMs: loop.longestBurstMs, bytes: loop.bytes, cpuMs: threadCpuMs() }),
    onNarrow: () => guard.narrow(),
    settled: (callback) => (forwarders === null ? callback() : forwarders.after(callback)),
    onEdit: (edit: TableEdit) => {
      if (edit.op === 'network' && opened.follow(edit.state)) {
        link();
        sleep = sleepSet();
      }
      guard.apply(edit);
      ownVips?.edit(edit, sink);
    },
    devices: () => devices.map(({ device: { name, kind, counters }, interfaceIdx }) => {
      const source = sources.findIndex((one) => one.interfaceIdx === interfaceIdx && one.kind === kind);
      const others = (figure: number): number => (source < 0 ? 0 : forwarders?.deviceFigure(source, figure) ?? 0);
      return {
        interface: name, device: kind, received: counters.received + others(0), transmitted: counters.transmitted + others(1),
        receiveDrops: counters.receiveDrops + others(2), transmitDrops: counters.transmitDrops + others(3),
      };
    }),
  });
  const sleepSet = (): Sleep => {
    const fds = [setup.wakeFd, ...devices.flatMap(({ device }) => device.pollFds)];
    return setup.device === 'pcap' ? eventLoopSleep(fds) : pollSleep(fds);
  };
  /** Tell forwarders which interfaces to receive from. */
  const link = (): void => {
    const news = devices.map(({ device, interfaceIdx }) => device instanceof PacketDevice && forwarders !== null
      && forwarders.link(sources.findIndex((one) => one.interfaceIdx === interfaceIdx && one.kind === 'packet'), device.ifindex, device.fanoutGroup));
    if (news.includes(true)) for (const fd of setup.forwarderFds) eventfdSignal(fd);
  };
  let sleep = sleepSet();
  const hostFd = host?.pollFds[0];
  link();
  const posted = new Int32Array(setup.posted);
  let seen = 0;
  report({ kind: 'ready', shares: forwarders?.shares() ?? [] });
  for (;;) {
    const count = Atomics.load(posted, 0);
    if (count !== seen) {
      seen = count;
      drain(setup, requests);
      if (requests.closing !== null) break;
    }
    const idleMs = loop.round(hostFd === undefined || sleep.found(hostFd));
    forwarders?.quiescence.turn();
    if (requests.slice()) continue;
    // NB: no await on the way to poll; one would cost a promise a round.
    const slept = sleep.sleep(Atomics.load(posted, 0) === seen ? settlingMs(forwarders, idleMs) : 0);
    if (slept !== null) await slept;
    if (idleMs !== 0) forwarders?.wakeUp();
  }
  opened.close();
  report({ kind: 'done', id: requests.closing! });
  // NB: not the event loop's end: pcap sessions would keep it alive.
  process.exit(0);
}

/** How long to sleep, given what forwarders are about; announces the sleep to them. */
function settlingMs(forwarders: Forwarders | null, idleMs: number): number {
  if (forwarders === null || idleMs === 0) return idleMs;
  if (!forwarders.fallAsleep()) return 0;
  return forwarders.quiescence.urgent ? Math.min(idleMs, SETTLING_MS) : idleMs;
}

/** Null after a refusal was reported. */
function openDevices(setup: WorkerSetup): OpenDevices | null {
  try {
    return new OpenDevices(setup, { index: 0, of: 1 + setup.forwarderFds.length }, [], (name, line) => report({ kind: 'line', interface: name, line }));
  } catch (error) {
    if (!(error instanceof LvsError)) throw error;
    report({ kind: 'refused', code: error.code, message: error.message });
    return null;
  }
}

function drain({ requests: port }: WorkerSetup, requests: WorkerRequests): void {
  for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) requests.handle(received.message as WorkerRequest);
}
