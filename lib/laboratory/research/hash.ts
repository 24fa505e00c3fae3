/** Hashes of the research schedulers: of a flow, of a destination, of both. All 32 bits, none seeded, so that directors agree. */
import { SCHED_FLAG } from '../../model/virtual-service.ts';
import { clientPort, foldAddress } from '../../schedulers/address-hash.ts';
import type { SchedulerDestination, SchedulerPacket, SchedulerService } from '../../schedulers/scheduler.ts';
import { hashWords } from '../../structures/seeded-hash.ts';

/** With the flag "port" the client's port counts too. */
export const PORT = SCHED_FLAG.flag2;

/** Of the client's address, as uint32. */
export function flowHash(service: SchedulerService, packet: SchedulerPacket): number {
  return mixed(foldAddress(packet.source), (service.schedFlags & PORT) !== 0 ? clientPort(packet) : 0);
}

/** Of the destination's address and port, the n-th of it, as uint32. */
export function destinationHash({ words, port }: SchedulerDestination, n: number): number {
  return mixed(foldAddress(words) ^ Math.imul(port, 0x01000193), n);
}

/** Of both, as uint32. */
export function pairHash(flow: number, destination: number): number {
  return mixed(flow, destination);
}

function mixed(a: number, b: number): number {
  let x = hashWords(0x5bd1e995, a, b, a ^ b, 0);
  // The index's hash is made for speed; one more round (MurmurHash3's finaliser) makes every bit depend on every other.
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
