/**
 * A capture through the director: rules and frames in, frames, picks, counters and reasons out. Runs the data plane in this process on a
 * virtual clock taken from the captures, so it needs no privileges, and two runs are alike to the byte.
 *
 * Captures taken on a director hold both directions. Frames that the director itself sent are left out (it will send them again), and
 * so are frames for other stations, as the director's interface would not take them.
 */
import type { CaptureWriter } from '../device/capture-writer.ts';
import { isLater, PcapFileDevice, type CaptureTime } from '../device/pcap-file.ts';
import type { CapturedFrame } from '../device/capture.ts';
import { Dataplane } from '../dataplane/dataplane.ts';
import { DROP_REASONS } from '../model/drop-reason.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { ConnectionRecord, DataplaneStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceRecord } from '../model/trace-record.ts';
import { macAt, isGroupMac, macText } from './frame-addresses.ts';
import { PickRecorder, type Pick } from './picks.ts';
import { ReplaySink } from './replay-sink.ts';
import type { ReplayInput } from './replay-input.ts';
import { seededRandom } from '../structures/seeded-random.ts';

export interface ReplayOptions {
  readonly inputs: readonly ReplayInput[];
  /** Must have an interface of each input's name. */
  readonly network: NetworkState;
  /** What is configured before the first frame. */
  readonly edits: readonly TableEdit[];
  /** Where frames sent out of an interface are written; interfaces may share a writer. Null: nowhere. */
  readonly writer: (interfaceName: string) => CaptureWriter | null;
  /** Decision record of every packet, times in ms since the first frame. */
  readonly onTrace?: (record: TraceRecord) => void;
  /** Of the random numbers that a few schedulers and defences draw. */
  readonly seed?: number;
}

export interface ReplayResult {
  readonly frames: {
    /** Handed to the director. */
    readonly replayed: number;
    /** Left out: sent by the director itself. */
    readonly own: number;
    /** Left out: for another station. */
    readonly others: number;
    /** Captured only in part (snap length). */
    readonly cut: number;
    readonly transmitted: number;
    /** Not ours: left to the host's stack. */
    readonly passed: number;
    /** For the local node. */
    readonly delivered: number;
  };
  readonly durationMs: number;
  readonly picks: readonly Pick[];
  readonly drops: Readonly<Record<string, number>>;
  /** Addresses that no neighbour entry told the MAC of. */
  readonly unresolved: readonly string[];
  readonly stats: DataplaneStats;
  /** The table as it stands after the last frame. */
  readonly connections: readonly ConnectionRecord[];
}

/** The longest pause between two frames that is lived through: every timeout is shorter. What a damaged time stamp adds is skipped. */
const LONGEST_PAUSE_MS = 32 * 86_400_000;
/** Between two looks at the timers. */
const SHORTEST_STEP_MS = 1;
const CONNECTIONS_AT_ONCE = 4096;

export function replay(options: ReplayOptions): ReplayResult {
  const { inputs, network } = options;
  const attached = inputs.map((input) => network.interfaces.find(({ name }) => name === input.interface)!);
  const kept = inputs.map((input, n) => keptFrames(input, attached[n]!.mac));
  const devices = inputs.map((input, n) => new PcapFileDevice(input.interface, input.capture, kept[n]!.frames, options.writer(input.interface)));
  const dataplane = new Dataplane({ random: seededRandom(options.seed ?? 1), startMs: 0 });
  for (const edit of [{ op: 'network', state: network } as const, ...options.edits]) dataplane.edit(edit, 0);
  const picks = new PickRecorder();
  dataplane.trace({}, (record) => {
    picks.see(record);
    options.onTrace?.(record);
  });
  const sink = new ReplaySink(attached.map(({ index }, n) => ({ interfaceIdx: index, device: devices[n]! })));
  const first = earliest(devices)?.next;
  const clock = new VirtualClock(first);
  let dueMs = 0;
  for (let device = earliest(devices); device !== undefined; device = earliest(devices)) {
    const frame = device.next!;
    const nowMs = clock.moveTo(frame);
    dueMs = advanceTo(dataplane, sink, clock, devices, dueMs);
    for (const one of devices) one.time = clock.captureTime(nowMs);
    device.receive(device.burst);
    dataplane.burst(attached[devices.indexOf(device)]!.index, device.burst, sink, nowMs);
    dueMs = Math.min(dueMs, nowMs + dataplane.advance(sink, nowMs));
    device.recycle();
  }
  const endMs = clock.nowMs;
  const stats = dataplane.stats();
  const connections = allConnections(dataplane, endMs);
  for (const device of devices) device.close();
  const sum = (of: (one: Kept) => number): number => kept.reduce((total, one) => total + of(one), 0);
  return {
    frames: {
      replayed: sum(({ frames }) => frames.length), own: sum(({ own }) => own), others: sum(({ others }) => others), cut: sum(({ cut }) => cut),
      transmitted: sink.transmitted, passed: sink.passed, delivered: sink.delivered,
    },
    durationMs: endMs, picks: picks.picks, drops: namedDrops(stats.drops), unresolved: [...sink.unresolved], stats, connections,
  };
}

interface Kept { readonly frames: readonly CapturedFrame[]; readonly own: number; readonly others: number; readonly cut: number }

function keptFrames({ capture: { bytes }, frames }: ReplayInput, directorMac: string): Kept {
  let [own, others, cut] = [0, 0, 0];
  const kept = frames.filter(({ off, len, originalLength }) => {
    if (len < 12) return true;
    const destination = macAt(bytes, off);
    if (macText(macAt(bytes, off + 6)) === directorMac) own++;
    else if (!isGroupMac(destination) && macText(destination) !== directorMac) others++;
    else {
      if (originalLength > len) cut++;
      return true;
    }
    return false;
  });
  return { frames: kept, own, others, cut };
}

/** The device whose next frame is the oldest; of equals the first. */
function earliest(devices: readonly PcapFileDevice[]): PcapFileDevice | undefined {
  let best: PcapFileDevice | undefined;
  for (const device of devices) if (device.next !== undefined && (best === undefined || isLater(best.next!, device.next))) best = device;
  return best;
}

/** Milliseconds since the first frame, never backwards, and the captures' time that they stand for. */
class VirtualClock {
  nowMs = 0;
  #skippedMs = 0;
  readonly #seconds: number;
  readonly #nanoseconds: number;

  constructor(first: CapturedFrame | undefined) {
    this.#seconds = first?.seconds ?? 0;
    this.#nanoseconds = first?.nanoseconds ?? 0;
  }

  moveTo({ seconds, nanoseconds }: CapturedFrame): number {
    const sinceFirstMs = (seconds - this.#seconds) * 1000 + (nanoseconds - this.#nanoseconds) / 1e6;
    const pauseMs = sinceFirstMs - this.#skippedMs - this.nowMs;
    if (pauseMs > LONGEST_PAUSE_MS) this.#skippedMs += pauseMs - LONGEST_PAUSE_MS;
    this.nowMs += Math.min(LONGEST_PAUSE_MS, Math.max(0, pauseMs));
    return this.nowMs;
  }

  /** To the nanosecond, up to a capture of some 100 days. */
  captureTime(nowMs: number): CaptureTime {
    const ms = nowMs + this.#skippedMs;
    const nanoseconds = Math.round((ms % 1000) * 1e6) + this.#nanoseconds;
    return { seconds: this.#seconds + Math.floor(ms / 1000) + Math.floor(nanoseconds / 1e9), nanoseconds: nanoseconds % 1e9 };
  }
}

/** Timers up to now, each at its time. Returns when the next is due. */
function advanceTo(dataplane: Dataplane, sink: ReplaySink, clock: VirtualClock, devices: readonly PcapFileDevice[], dueMs: number): number {
  while (dueMs < clock.nowMs) {
    for (const device of devices) device.time = clock.captureTime(dueMs);
    dueMs += Math.max(SHORTEST_STEP_MS, dataplane.advance(sink, dueMs));
  }
  return dueMs;
}

function allConnections(dataplane: Dataplane, nowMs: number): ConnectionRecord[] {
  const records: ConnectionRecord[] = [];
  for (let cursor = 0; cursor >= 0;) cursor = dataplane.connections(cursor, CONNECTIONS_AT_ONCE, records, nowMs);
  return records;
}

function namedDrops(drops: readonly number[]): Record<string, number> {
  return Object.fromEntries(DROP_REASONS.flatMap(([name], index) => ((drops[index] ?? 0) > 0 ? [[name, drops[index]!]] : [])));
}
