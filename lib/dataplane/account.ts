/** Counting packets and connections: for the destination, its service, and the director (ip_vs_in_stats, ip_vs_out_stats, ip_vs_conn_stats). */
import { BYTES, CONN_WORDS, DESTINATION, ENTRY_WORDS, PACKETS } from './connection-layout.ts';
import { MAX_BURST } from '../wire/frame.ts';
import { TOTAL, type CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { CONNS, COUNTERS, IN_BYTES, IN_PKTS, OUT_BYTES, OUT_PKTS } from './estimator.ts';
import type { Tally } from './fast-context.ts';
import type { ServiceEntry } from './service-entry.ts';
import { SLOT_AVAILABLE, SLOT_COUNTERS, SLOT_IN, SLOT_OUT, SLOT_SERVICE_COUNTERS, SLOT_WORDS } from './services.ts';

/** A packet from the client. Packets of removed destinations are not counted. */
export function countIn(core: CoreContext, conn: number, bytes: number): void {
  const words = core.connections.words;
  const base = conn * CONN_WORDS;
  countEntry(core, base, bytes);
  const slot = words[base + DESTINATION] as number;
  if (slot < 0) return;
  const slots = core.services.slots;
  if (slots[SLOT_WORDS * slot + SLOT_AVAILABLE] === 0) return;
  const counts = core.counters.counts;
  const destination = slots[SLOT_WORDS * slot + SLOT_COUNTERS] as number;
  const service = slots[SLOT_WORDS * slot + SLOT_SERVICE_COUNTERS] as number;
  counts[destination + IN_PKTS]!++;
  counts[destination + IN_BYTES]! += bytes;
  counts[service + IN_PKTS]!++;
  counts[service + IN_BYTES]! += bytes;
  counts[IN_PKTS]!++;
  counts[IN_BYTES]! += bytes;
}

function countEntry(core: CoreContext, entry: number, bytes: number): void {
  const words = core.connections.words;
  if (core.network.shared) {
    Atomics.add(words, entry + PACKETS, 1);
    Atomics.add(words, entry + BYTES, bytes);
  } else {
    words[entry + PACKETS]!++;
    words[entry + BYTES]! += bytes;
  }
}

/** A packet to the client. */
export function countOut(core: CoreContext, conn: number, bytes: number): void {
  const words = core.connections.words;
  const base = conn * CONN_WORDS;
  countEntry(core, base + ENTRY_WORDS, bytes);
  const slot = words[base + DESTINATION] as number;
  if (slot < 0) return;
  const slots = core.services.slots;
  if (slots[SLOT_WORDS * slot + SLOT_AVAILABLE] === 0) return;
  const counts = core.counters.counts;
  const destination = slots[SLOT_WORDS * slot + SLOT_COUNTERS] as number;
  const service = slots[SLOT_WORDS * slot + SLOT_SERVICE_COUNTERS] as number;
  counts[destination + OUT_PKTS]!++;
  counts[destination + OUT_BYTES]! += bytes;
  counts[service + OUT_PKTS]!++;
  counts[service + OUT_BYTES]! += bytes;
  counts[OUT_PKTS]!++;
  counts[OUT_BYTES]! += bytes;
}

/** What the fast path has counted in the burst at hand lies in Services.slots; nothing reads counters in the middle of a burst. */
export class BurstCounts implements Tally {
  /** Slots with something counted. */
  readonly listed = new Int32Array(MAX_BURST);
  listedCount = 0;
  readonly #core: CoreContext;

  constructor(core: CoreContext) {
    this.#core = core;
  }

  get words(): Int32Array {
    return this.#core.services.slots;
  }

  /** Add everything to the counters of destinations, services and the director. */
  settle(): void {
    const { services: { slots }, counters: { counts } } = this.#core;
    for (let i = 0; i < this.listedCount; i++) {
      const slot = SLOT_WORDS * (this.listed[i] as number);
      addTo(counts, slots[slot + SLOT_COUNTERS] as number, slots, slot);
      addTo(counts, slots[slot + SLOT_SERVICE_COUNTERS] as number, slots, slot);
      addTo(counts, TOTAL, slots, slot);
      slots.fill(0, slot + SLOT_IN, slot + SLOT_WORDS);
    }
    this.listedCount = 0;
  }
}

function addTo(counts: Float64Array, block: number, slots: Int32Array, slot: number): void {
  counts[block + IN_PKTS]! += slots[slot + SLOT_IN] as number;
  counts[block + IN_BYTES]! += slots[slot + SLOT_IN + 1] as number;
  counts[block + OUT_PKTS]! += slots[slot + SLOT_OUT] as number;
  counts[block + OUT_BYTES]! += slots[slot + SLOT_OUT + 1] as number;
}

/** What forwarders counted for a destination. */
export function countForwarded(core: CoreContext, slot: number, inPkts: number, inBytes: number, outPkts: number, outBytes: number): void {
  const { services: { slots }, counters: { counts } } = core;
  for (const block of [slots[slot * SLOT_WORDS + SLOT_COUNTERS] as number, slots[slot * SLOT_WORDS + SLOT_SERVICE_COUNTERS] as number, TOTAL]) {
    counts[block + IN_PKTS]! += inPkts;
    counts[block + IN_BYTES]! += inBytes;
    counts[block + OUT_PKTS]! += outPkts;
    counts[block + OUT_BYTES]! += outBytes;
  }
}

/** A new connection. */
export function countConnection(core: CoreContext, service: ServiceEntry, destination: DestinationEntry): void {
  const counts = core.counters.counts;
  counts[destination.counters * COUNTERS + CONNS]!++;
  counts[service.counters * COUNTERS + CONNS]!++;
  counts[CONNS]!++;
}
