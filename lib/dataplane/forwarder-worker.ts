/**
 * The thread of a forwarder: its composition root, and how it waits. It has devices of its own on the owner's interfaces, members of the same fan-out
 * groups, and views of the owner's memory. No timers: without frames it sleeps in poll(2) for good. Nothing comes to it by message; what it has to
 * follow (interfaces made anew, the end) lies in memory, and an eventfd wakes it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { eventfdSignal, memoryAt, monotonicMs, threadCpuMs } from '../../native-shims/index.ts';
import type { Device } from '../device/device.ts';
import { OpenDevices } from '../device/open-devices.ts';
import { LvsError } from '../model/errors.ts';
import type { ForwarderSetup, MemoryArea, PlaneShare, WorkerReport } from '../model/worker-message.ts';
import { FrameMemory } from '../wire/frame.ts';
import { DeviceSink } from './device-sink.ts';
import { Forwarder } from './forwarder.ts';
import { ForwarderTally } from './forwarder-tally.ts';
import { CPU_MS, DEVICE_FIGURES, FIGURES, LINK_GROUP, LINK_IFINDEX, LINK_WORDS, LINKS_VERSION } from './forwarders.ts';
import { HandoverWriter } from './handover.ts';
import { contextOf } from './plane-share.ts';
import { pollSleep } from './worker-sleep.ts';

/** Device counters and processor time cost a system call each: asked for so often while there is work, and once after it. */
const REPORT_EVERY_MS = 100;

const report = (message: WorkerReport): void => parentPort!.postMessage(message);

try {
  run(workerData as ForwarderSetup);
} catch (error) {
  if (error instanceof LvsError) {
    report({ kind: 'refused', code: error.code, message: error.message });
  } else {
    report({ kind: 'crashed', message: error instanceof Error ? error.stack ?? error.message : String(error) });
    process.exitCode = 1;
  }
}

function run({ share, workers, interfaces, wakeFd, ownerFd, closing }: ForwarderSetup): void {
  const links = int32(share.links);
  const figures = new Float64Array(memoryAt(share.figures.address, share.figures.bytes));
  let linksSeen = Atomics.load(links, LINKS_VERSION);
  const opened = new OpenDevices({ device: 'packet', interfaces, local: null }, { index: share.number + 1, of: workers }, linksOf(links, share).map(({ group }) => group), (name, line) => report({ kind: 'line', interface: name, line }));
  const devices = opened.list.map(({ interfaceIdx, device }) => {
    const source = share.rings.findIndex((ring) => ring.interfaceIdx === interfaceIdx && ring.kind === device.kind);
    const { address, bytes } = share.rings[source]!.memory;
    return { interfaceIdx, device, source, ring: new HandoverWriter(new FrameMemory(memoryAt(address, bytes), address)) };
  });
  const totals = new Float64Array(memoryAt(share.totals.address, share.totals.bytes));
  const context = contextOf(share, new ForwarderTally(totals), memoryAt);
  const forwarder = new Forwarder({
    context, devices, figures, lines: int32(share.lines), line: share.number, macs: int32(share.macs), nowMs: monotonicMs,
    sink: new DeviceSink(devices, { onResolve: () => {} }), wakeOwner: () => eventfdSignal(ownerFd),
  });
  const sleepSet = (): ReturnType<typeof pollSleep> => pollSleep([wakeFd, ...devices.flatMap(({ device }) => device.pollFds)]);
  const isClosing = new Int32Array(closing);
  let sleep = sleepSet();
  let reportedMs = 0;
  let unreported = false;
  report({ kind: 'ready', shares: [] });
  while (Atomics.load(isClosing, 0) === 0) {
    if (Atomics.load(links, LINKS_VERSION) !== linksSeen) {
      linksSeen = Atomics.load(links, LINKS_VERSION);
      opened.followOwner(linksOf(links, share));
      sleep = sleepSet();
    }
    const frames = forwarder.round();
    const nowMs = context.clock[0]!;
    if (frames > 0) unreported = true;
    if (unreported && nowMs - reportedMs >= REPORT_EVERY_MS) {
      reportDevices(figures, devices);
      reportedMs = nowMs;
      unreported = frames > 0;
    }
    if (frames === 0) sleep.sleep(unreported ? REPORT_EVERY_MS : Infinity);
  }
  opened.close();
  process.exit(0);
}

function int32(area: MemoryArea): Int32Array {
  return new Int32Array(memoryAt(area.address, area.bytes), 0, area.bytes >> 2);
}

/** Kernel index and fan-out group of the owner's packet devices. */
function linksOf(links: Int32Array, { rings }: PlaneShare): { ifindex: number; group: number }[] {
  return rings.flatMap(({ kind }, source) => (
    kind === 'packet' ? [{ ifindex: links[source * LINK_WORDS + LINK_IFINDEX] as number, group: links[source * LINK_WORDS + LINK_GROUP] as number }] : []));
}

function reportDevices(figures: Float64Array, devices: readonly { readonly device: Device; readonly source: number }[]): void {
  figures[CPU_MS] = threadCpuMs();
  devices.forEach(({ device: { counters }, source }) => {
    const at = FIGURES + source * DEVICE_FIGURES;
    figures[at] = counters.received;
    figures[at + 1] = counters.transmitted;
    figures[at + 2] = counters.receiveDrops;
    figures[at + 3] = counters.transmitDrops;
  });
}
