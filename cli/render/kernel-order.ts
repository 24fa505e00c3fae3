/**
 * The order of listings. ipvsadm sorts with qsort() over what the kernel dumps, comparing addresses and marks by their difference in
 * 32 bits, which is no order when values lie more than 2^31 apart: then the outcome depends on the order before. So both are
 * done as they are done there: the kernel's dump (ip_vs_svc_hashkey, ip_vs_svc_fwm_hashkey), then the C library's merge sort.
 */
import { IPPROTO, protocolNumber } from '../../lib/model/protocol.ts';
import { serviceFamily, type ServiceId } from '../../lib/model/virtual-service.ts';
import type { ListedDestination, ListedService } from '../../lib/control/api/message.ts';
import { hostWords, parseAddress } from '../../lib/wire/address.ts';

const HASH_MASK = 0xff;
const HASH_BITS = 8;
/** The kernel mixes in bits of a pointer, another at each start. This value is one of them. */
const POINTER_BITS = 0x80;
const AF_NUMBER = { 4: 2, 6: 10 } as const;

/** As the kernel dumps its two hash tables: addresses, then marks; newest first in a bucket. `services` come oldest first. */
export function kernelOrder(services: readonly ListedService[]): ListedService[] {
  return services
    .map((service, age) => ({ service, age, bucket: bucketOf(service.service.id) }))
    .sort((a, b) => a.bucket - b.bucket || b.age - a.age)
    .map(({ service }) => service);
}

/** Services as -L lists them. Destinations inside them are sorted too. */
export function sorted(services: readonly ListedService[]): ListedService[] {
  const keyed = services.map((service) => ({ service, key: serviceKeys(service.service.id) }));
  return mergeSort(keyed, (a, b) => compareKeys(a.key, b.key)).map(({ service }) => ({ ...service, destinations: sortedDestinations(service.destinations) }));
}

function sortedDestinations(destinations: readonly ListedDestination[]): ListedDestination[] {
  const keyed = destinations.map((listed) => ({ listed, key: placeKeys(listed.destination.address, listed.destination.port) }));
  return mergeSort(keyed, (a, b) => compareKeys(a.key, b.key)).map(({ listed }) => listed);
}

function bucketOf(id: ServiceId): number {
  if (id.kind === 'fwmark') return HASH_MASK + 1 + ((id.fwmark ^ POINTER_BITS) & HASH_MASK);
  const words = wordsOf(id.address);
  const fold = words[0]! ^ words[1]! ^ words[2]! ^ words[3]!;
  return (AF_NUMBER[serviceFamily(id)] ^ protocolNumber[id.protocol] ^ fold ^ POINTER_BITS ^ (id.port >> HASH_BITS) ^ id.port) & HASH_MASK;
}

/** What is compared one after the other, by difference. */
function serviceKeys(id: ServiceId): number[] {
  if (id.kind === 'fwmark') return [id.fwmark | 0, AF_NUMBER[id.family]];
  return [0, AF_NUMBER[serviceFamily(id)], protocolNumber[id.protocol] ?? IPPROTO.ip, ...wordsOf(id.address), id.port];
}

/** NB: without the address family: an IPv4 address counts as the first word of an IPv6 one. */
function placeKeys(address: string, port: number): number[] {
  const words = wordsOf(address);
  return [...(address.includes(':') ? words : [words[3]!, 0, 0, 0]), port];
}

function wordsOf(address: string): Int32Array {
  const parsed = parseAddress(address);
  const [w0, w1, w2, w3] = parsed?.words ?? new Int32Array(4);
  return hostWords(parsed?.family ?? 4, w0!, w1!, w2!, w3!);
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i]! - b[i]!) | 0;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** glibc's qsort(): halves, the first one rounded down. */
function mergeSort<T>(items: readonly T[], compare: (a: T, b: T) => number): T[] {
  if (items.length < 2) return [...items];
  const half = items.length >> 1;
  const left = mergeSort(items.slice(0, half), compare);
  const right = mergeSort(items.slice(half), compare);
  const merged: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) merged.push(compare(left[l]!, right[r]!) <= 0 ? left[l++]! : right[r++]!);
  while (l < left.length) merged.push(left[l++]!);
  while (r < right.length) merged.push(right[r++]!);
  return merged;
}
