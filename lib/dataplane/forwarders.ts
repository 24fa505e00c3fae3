/**
 * The owner's side of several data-plane workers. One thread, the owner, does everything that has an order: it schedules, makes and ends
 * connections, moves states, runs timers, answers. The forwarders run the fast path over the owner's tables, and hand every frame it refuses to
 * the owner through a ring each. So the picks of a scheduler and the counts it goes by are those of a single worker.
 *
 *     owner:       devices ──> walk + fast path ──> devices              writes tables, state
 *                       ^ handed over (one ring per forwarder and interface)
 *     forwarder:   devices ──> fast path ──> devices                     writes counters, when it saw a connection, totals of its own
 *
 * Memory they have in common: connections, index, next hops, state (plane-share.ts); what is taken out of the tables is used again
 * when no forwarder can be looking at it (quiescence.ts).
 */
import type { WorkerStats } from '../model/stats.ts';
import type { FrameSource, MemoryArea, PlaneShare, WorkerInterface } from '../model/worker-message.ts';
import { float64Array, int32Array, type Allocate } from '../structures/memory.ts';
import { FrameMemory } from '../wire/frame.ts';
import { countForwarded } from './account.ts';
import type { Connections, ConnectionSharing } from './connections.ts';
import type { CoreContext } from './core-context.ts';
import type { AttachedDevice } from '../device/device.ts';
import { OWNER_SLEEPS } from './fast-state.ts';
import { TOTALS, TOTALS_SHIFT } from './forwarder-tally.ts';
import { HandoverDevice, handoverBytes } from './handover.ts';
import { lineWords, Quiescence } from './quiescence.ts';
import { publishTables, TABLES_LENGTH } from './plane-share.ts';

/** Destinations that forwarders can know; with more, every frame takes the walk. */
export const MOST_SHARED_DESTINATIONS = 1 << 18;
/** 4 MiB: 16,000 small frames, 60 super-frames. */
const RING_UNITS = 1 << 16;
/** Which interface each of the owner's packet devices is bound to now and in which fan-out group: a version, then per source kernel index and group. */
export const LINKS_VERSION = 0, LINK_WORDS = 2, LINK_IFINDEX = 1, LINK_GROUP = 2;
/** What a forwarder says of itself, doubles: these, and for each source frames received, transmitted, not received, not transmitted. */
export const FIGURES = 8;
export const DEVICE_FIGURES = 4;
export const FRAMES = 0, FAST = 1, HANDED_OVER = 2, LOST = 3, PASSED = 4, BYTES = 5, CPU_MS = 6;

export interface SharingOptions {
  readonly forwarders: number;
  /** What they receive from. */
  readonly sources: readonly FrameSource[];
  /** Address of a view's first byte in this process. */
  addressOf(view: ArrayBufferView): number;
}

/** What every worker receives from: as OpenDevices opens them. */
export function sourcesOf(interfaces: readonly WorkerInterface[]): FrameSource[] {
  return interfaces.flatMap(({ index: interfaceIdx, socketsFd }): FrameSource[] => (
    socketsFd === null ? [{ interfaceIdx, kind: 'packet' }] : [{ interfaceIdx, kind: 'packet' }, { interfaceIdx, kind: 'xdp' }]));
}

interface ForwarderMemory {
  readonly totals: Float64Array;
  /** Of `totals`, what has reached the counters. */
  readonly collected: Float64Array;
  readonly figures: Float64Array;
  readonly rings: readonly { readonly source: FrameSource; readonly memory: FrameMemory; readonly device: HandoverDevice }[];
}

export class Forwarders implements ConnectionSharing {
  readonly quiescence: Quiescence;
  readonly #options: SharingOptions;
  readonly #forwarders: readonly ForwarderMemory[];
  readonly #lines: Int32Array;
  readonly #tables: Float64Array;
  readonly #state: Int32Array;
  readonly #links: Int32Array;
  /** Of services that are gone. */
  readonly #releasedBlocks: number[] = [];
  #core: CoreContext | null = null;

  constructor(options: SharingOptions, state: Int32Array, allocate: Allocate | null) {
    this.#options = options;
    this.#state = state;
    this.#lines = int32Array(lineWords(options.forwarders), allocate);
    this.#links = int32Array(1 + LINK_WORDS * options.sources.length, allocate);
    this.#tables = float64Array(TABLES_LENGTH, allocate);
    this.#forwarders = Array.from({ length: options.forwarders }, (_, i) => ({
      totals: float64Array(MOST_SHARED_DESTINATIONS * TOTALS, allocate), collected: new Float64Array(MOST_SHARED_DESTINATIONS * TOTALS), figures: float64Array(FIGURES + DEVICE_FIGURES * options.sources.length, allocate),
      rings: options.sources.map((source) => {
        const words = int32Array(handoverBytes(RING_UNITS) >> 2, allocate);
        const memory = new FrameMemory(words.buffer, options.addressOf(words));
        return { source, memory, device: new HandoverDevice(`forwarder ${i + 1}`, memory) };
      }),
    }));
    this.quiescence = new Quiescence(this.#lines, options.forwarders, (conn) => this.#connections.reuse(conn));
  }

  /** The core they forward for, as soon as there is one. */
  attach(core: CoreContext): void {
    this.#core = core;
    core.services.onRecount = (slot) => this.#collectSlot(slot);
    core.services.releaseCounters = (block) => this.#releaseCounters(block);
  }

  /** What each forwarder gets handed to find its way about. */
  shares(): PlaneShare[] {
    const { addressOf } = this.#options;
    const area = (view: ArrayBufferView): MemoryArea => ({ address: addressOf(view), bytes: view.byteLength });
    const { connections, network } = this.#core as CoreContext;
    return this.#forwarders.map(({ totals, figures, rings }, number) => ({
      number, seed: connections.seed, startMs: connections.startMs,
      words: area(connections.words), addresses: area(connections.addresses), cold: area(connections.cold), state: area(network.state), tables: area(this.#tables), hops: area(network.hops.words), resolvedMs: area(network.hops.resolvedMs),
      macs: area(network.macs), lines: area(this.#lines), links: area(this.#links), totals: area(totals), figures: area(figures),
      rings: rings.map(({ source, memory }) => ({ ...source, memory: area(memory.u8) })),
    }));
  }

  /** Frames handed over come out of these. */
  get devices(): readonly AttachedDevice[] {
    return this.#forwarders.flatMap(({ rings }) => rings.map(({ source: { interfaceIdx }, device }) => ({ interfaceIdx, device })));
  }

  /** Of these, memories of frames that were taken away from the host. */
  get stolen(): readonly FrameMemory[] {
    return this.#forwarders.flatMap(({ rings }) => rings.filter(({ source }) => source.kind === 'xdp').map(({ memory }) => memory));
  }

  /** Tell of the packet device that is this source; true if that is news, of which forwarders learn when they wake. */
  link(source: number, ifindex: number, group: number): boolean {
    const at = source * LINK_WORDS;
    if (this.#links[at + LINK_IFINDEX] === ifindex && this.#links[at + LINK_GROUP] === group) return false;
    this.#links[at + LINK_IFINDEX] = ifindex;
    this.#links[at + LINK_GROUP] = group;
    Atomics.add(this.#links, LINKS_VERSION, 1);
    return true;
  }

  /** Counters of the forwarders' devices that are this source, added up: received, transmitted, not received, not transmitted. */
  deviceFigure(source: number, figure: number): number {
    return this.#forwarders.reduce((sum, { figures }) => sum + (figures[FIGURES + source * DEVICE_FIGURES + figure] as number), 0);
  }

  /** Before the owner sleeps: forwarders wake it from now on. False: something has come meanwhile, do not sleep. */
  fallAsleep(): boolean {
    Atomics.store(this.#state, OWNER_SLEEPS, 1);
    for (const { rings } of this.#forwarders) for (const { device } of rings) if (device.waiting) return false;
    return true;
  }

  wakeUp(): void {
    Atomics.store(this.#state, OWNER_SLEEPS, 0);
  }

  /** What forwarders have counted since the last time, to the counters. */
  collect(): void {
    const slots = Math.min((this.#core as CoreContext).services.destinations.length, MOST_SHARED_DESTINATIONS);
    for (let slot = 0; slot < slots; slot++) this.#collectSlot(slot);
  }

  /** Frames that the owner has got from them. */
  get received(): number {
    let sum = 0;
    for (const { rings } of this.#forwarders) for (const { device } of rings) sum += device.counters.received;
    return sum;
  }

  stats(): WorkerStats[] {
    return this.#forwarders.map(({ figures }) => ({
      frames: figures[FRAMES] as number, bytes: figures[BYTES] as number, fast: figures[FAST] as number, handedOver: figures[HANDED_OVER] as number,
      lost: figures[LOST] as number, passed: figures[PASSED] as number, cpuMs: figures[CPU_MS] as number,
    }));
  }

  // --- for the connections and their index

  publish(current: Int32Array, old: Int32Array | null): void {
    publishTables(this.#state, this.#tables, this.#options.addressOf, current, old);
  }

  after(callback: () => void): void {
    this.quiescence.after(callback);
  }

  retire(conn: number): void {
    this.quiescence.retire(conn);
  }

  hurry(): void {
    this.quiescence.turn();
  }

  get #connections(): Connections {
    return (this.#core as CoreContext).connections;
  }

  /** When what is on its way has been counted. */
  #releaseCounters(block: number): void {
    if (this.#releasedBlocks.push(block) > 1) return;
    this.after(() => {
      this.collect();
      for (const each of this.#releasedBlocks.splice(0)) (this.#core as CoreContext).counters.release(each);
    });
  }

  /** NB: also of a destination that was removed: what a forwarder counted it sent before it saw that. */
  #collectSlot(slot: number): void {
    const core = this.#core as CoreContext;
    const at = slot << TOTALS_SHIFT;
    for (const { totals, collected } of this.#forwarders) {
      const inPkts = (totals[at] as number) - (collected[at] as number);
      const inBytes = (totals[at + 1] as number) - (collected[at + 1] as number);
      const outPkts = (totals[at + 2] as number) - (collected[at + 2] as number);
      const outBytes = (totals[at + 3] as number) - (collected[at + 3] as number);
      if (inPkts + outPkts + inBytes + outBytes === 0) continue;
      collected[at]! += inPkts;
      collected[at + 1]! += inBytes;
      collected[at + 2]! += outPkts;
      collected[at + 3]! += outBytes;
      countForwarded(core, slot, inPkts, inBytes, outPkts, outBytes);
    }
  }
}
