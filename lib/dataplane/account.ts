/** Counting packets and connections: for the destination, its service, and the director (ip_vs_in_stats, ip_vs_out_stats, ip_vs_conn_stats). */
import { BYTES, CONN_WORDS, DESTINATION, ENTRY_WORDS, PACKETS } from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { CONNS, COUNTERS, IN_BYTES, IN_PKTS, OUT_BYTES, OUT_PKTS } from './estimator.ts';
import type { ServiceEntry } from './service-entry.ts';
import { SLOT_AVAILABLE, SLOT_COUNTERS, SLOT_SERVICE_COUNTERS } from './services.ts';

/** A packet from the client. Packets of removed destinations are not counted. */
export function countIn(core: CoreContext, conn: number, bytes: number): void {
  const words = core.connections.words;
  const base = conn * CONN_WORDS;
  words[base + PACKETS]!++;
  words[base + BYTES]! += bytes;
  const slot = words[base + DESTINATION] as number;
  if (slot < 0) return;
  const slots = core.services.slots;
  if (slots[4 * slot + SLOT_AVAILABLE] === 0) return;
  const counts = core.counters.counts;
  const destination = slots[4 * slot + SLOT_COUNTERS] as number;
  const service = slots[4 * slot + SLOT_SERVICE_COUNTERS] as number;
  counts[destination + IN_PKTS]!++;
  counts[destination + IN_BYTES]! += bytes;
  counts[service + IN_PKTS]!++;
  counts[service + IN_BYTES]! += bytes;
  counts[IN_PKTS]!++;
  counts[IN_BYTES]! += bytes;
}

/** A packet to the client. */
export function countOut(core: CoreContext, conn: number, bytes: number): void {
  const words = core.connections.words;
  const base = conn * CONN_WORDS;
  words[base + ENTRY_WORDS + PACKETS]!++;
  words[base + ENTRY_WORDS + BYTES]! += bytes;
  const slot = words[base + DESTINATION] as number;
  if (slot < 0) return;
  const slots = core.services.slots;
  if (slots[4 * slot + SLOT_AVAILABLE] === 0) return;
  const counts = core.counters.counts;
  const destination = slots[4 * slot + SLOT_COUNTERS] as number;
  const service = slots[4 * slot + SLOT_SERVICE_COUNTERS] as number;
  counts[destination + OUT_PKTS]!++;
  counts[destination + OUT_BYTES]! += bytes;
  counts[service + OUT_PKTS]!++;
  counts[service + OUT_BYTES]! += bytes;
  counts[OUT_PKTS]!++;
  counts[OUT_BYTES]! += bytes;
}

/** A new connection. */
export function countConnection(core: CoreContext, service: ServiceEntry, destination: DestinationEntry): void {
  const counts = core.counters.counts;
  counts[destination.counters * COUNTERS + CONNS]!++;
  counts[service.counters * COUNTERS + CONNS]!++;
  counts[CONNS]!++;
}
