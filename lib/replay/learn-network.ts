/**
 * The director's network as a capture shows it, for replays without `--network`. What a person would read off the capture:
 *
 *   the director's MAC    the one that packets to service addresses are sent to (and that the answers of NAT servers are sent to)
 *   neighbours, routes    every address is reached through the interface and MAC that its packets came from; most of them share
 *                         one MAC, the router's, which becomes the default route
 *   own addresses         the service addresses, what the director's own ARP says, and what its tunnels start from
 *   MTU                   1500, or what the largest frame needs
 *
 * Real servers that no frame shows get a MAC made of their address, on the interface where addresses like theirs are seen. Every such
 * assumption is returned as a note.
 */
import type { CapturedFrame } from '../device/capture.ts';
import { isLater } from '../device/pcap-file.ts';
import type { Neighbour, NetworkInterface, NetworkState, Route } from '../model/network-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import { parseAddress, swap32 } from '../wire/address.ts';
import { frameAddresses, isGroupMac, macText } from './frame-addresses.ts';
import type { ReplayInput } from './replay-input.ts';

export interface LearntNetwork { readonly state: NetworkState; readonly notes: readonly string[] }

export interface KnownAddresses { readonly virtual: ReadonlySet<string>; readonly real: ReadonlySet<string> }

interface Seen { readonly interface: number; readonly mac: number }

/** What one interface's frames show. */
interface Sightings {
  readonly index: number;
  /** Senders that are not the director. */
  readonly senders: Map<string, number>;
  /** Where the director itself sent packets to. */
  readonly targets: Map<string, number>;
  readonly own: Set<string>;
  directorMac: number | null;
  longest: number;
}

const NO_MTU_BELOW = 1500;
const ETHERNET_HEADER = 14;
/** Protocols that the director originates: IPIP, IPv6 in IP, GRE. */
const TUNNELS: readonly number[] = [IPPROTO.ipip, IPPROTO.ipv6, IPPROTO.gre];

export function learnNetwork(inputs: readonly ReplayInput[], known: KnownAddresses): LearntNetwork {
  const notes: string[] = [];
  const sightings = inputs.map((input, index) => sightingsOf(input, index, known, isFarSide(inputs, index, known)));
  for (const { index, directorMac } of sightings) {
    if (directorMac === null) notes.push(`${inputs[index]!.interface}: no frame shows the director's MAC address; ${macText(assumedDirectorMac(index))} is assumed`);
  }
  const places = new Map<string, Seen>();
  for (const source of ['targets', 'senders'] as const) {
    for (const one of sightings) for (const [address, mac] of one[source]) if (!known.virtual.has(address)) places.set(address, { interface: one.index, mac });
  }
  for (const address of known.real) {
    if (places.has(address) || known.virtual.has(address) || sightings.some(({ own }) => own.has(address))) continue;
    const place = { interface: likeliestInterface(address, places, sightings.length), mac: assumedMac(address) };
    places.set(address, place);
    notes.push(`no frame shows real server ${address}; ${macText(place.mac)} on ${inputs[place.interface]!.interface} is assumed`);
  }
  const interfaces = sightings.map((one) => interfaceOf(one, inputs[one.index]!.interface, known));
  return { state: { interfaces, ...reachability(places), forwarding4: true, forwarding6: true }, notes };
}

function sightingsOf({ capture, frames }: ReplayInput, index: number, known: KnownAddresses, farSide: boolean): Sightings {
  const directorMac = directorMacOf(capture.bytes, frames, known, farSide);
  const result: Sightings = { index, senders: new Map(), targets: new Map(), own: new Set(), directorMac, longest: 0 };
  for (const { off, len } of frames) {
    if (len > result.longest) result.longest = len;
    const seen = frameAddresses(capture.bytes, off, len);
    if (seen === null) continue;
    if (seen.sourceMac === directorMac) {
      if (seen.arp) {
        if (seen.source !== null) result.own.add(seen.source);
        continue;
      }
      if (TUNNELS.includes(seen.protocol)) result.own.add(seen.source!);
      if (seen.destination !== null && !isGroupMac(seen.destinationMac)) result.targets.set(seen.destination, seen.destinationMac);
    } else if (seen.source !== null && !result.senders.has(seen.source)) result.senders.set(seen.source, seen.sourceMac);
  }
  return result;
}

/** Whether the first packet to a service address here is one that another interface saw come in: then the director sent it. */
function isFarSide(inputs: readonly ReplayInput[], index: number, known: KnownAddresses): boolean {
  const first = firstToService(inputs[index]!, known);
  return first !== null && inputs.some((other, n) => {
    const before = n === index ? null : firstToService(other, known, first.source);
    return before !== null && (isLater(first.frame, before.frame) || (n < index && !isLater(before.frame, first.frame)));
  });
}

function firstToService({ capture, frames }: ReplayInput, known: KnownAddresses, from?: string): { frame: CapturedFrame; source: string } | null {
  for (const frame of frames) {
    const seen = frameAddresses(capture.bytes, frame.off, frame.len);
    if (seen === null || seen.source === null || seen.destination === null || !known.virtual.has(seen.destination)) continue;
    if (from === undefined || seen.source === from) return { frame, source: seen.source };
  }
  return null;
}

/**
 * Packets to a service address end at the director, and under DR go on from there with the same addresses: a MAC that both gets and
 * sends them is the director's. On the far side it is the sender. Answers of NAT servers go to the director, and packets to real
 * servers come from it.
 */
function directorMacOf(bytes: Uint8Array, frames: ReplayInput['frames'], known: KnownAddresses, farSide: boolean): number | null {
  const [gets, sends, answered, reaches, any] = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
  for (const { off, len } of frames) {
    const seen = frameAddresses(bytes, off, len);
    if (seen === null || isGroupMac(seen.destinationMac)) continue;
    count(any, seen.destinationMac);
    if (seen.destination !== null && known.virtual.has(seen.destination)) {
      count(gets, seen.destinationMac);
      count(sends, seen.sourceMac);
    } else if (seen.source !== null && seen.destination !== null && known.real.has(seen.source) !== known.real.has(seen.destination)) {
      if (known.real.has(seen.source)) count(answered, seen.destinationMac);
      else count(reaches, seen.sourceMac);
    }
  }
  const both = new Map([...gets].filter(([mac]) => sends.has(mac)));
  if (both.size > 0) return mostOften(both);
  if (farSide && sends.size > 0) return mostOften(sends);
  return mostOften(gets) ?? mostOften(answered) ?? mostOften(reaches) ?? mostOften(any);
}

/** Default routes through the MAC that stands for most addresses, host routes for the rest; a MAC's first address stands for it. */
function reachability(places: ReadonlyMap<string, Seen>): { routes: Route[]; neighbours: Neighbour[] } {
  const routes: Route[] = [];
  const neighbours: Neighbour[] = [];
  for (const family of [4, 6] as const) {
    const groups = new Map<string, { place: Seen; first: string; addresses: string[] }>();
    for (const [address, place] of places) {
      if (address.includes(':') !== (family === 6)) continue;
      const key = `${place.interface} ${place.mac}`;
      const group = groups.get(key) ?? { place, first: address, addresses: [] };
      group.addresses.push(address);
      groups.set(key, group);
    }
    const ordered = [...groups.values()].sort((a, b) => b.addresses.length - a.addresses.length || a.place.interface - b.place.interface);
    for (const [position, { place, first, addresses }] of ordered.entries()) {
      const route = (prefix: string, via: string | null): Route => ({ family, prefix, type: 'unicast', via, interface: place.interface, source: null, mtu: 0, metric: 0 });
      const bits = family === 4 ? 32 : 128;
      neighbours.push({ interface: place.interface, address: first, mac: macText(place.mac) });
      routes.push(route(`${first}/${bits}`, null));
      if (position === 0) routes.push(route(family === 4 ? '0.0.0.0/0' : '::/0', first));
      else for (const address of addresses) if (address !== first) routes.push(route(`${address}/${bits}`, first));
    }
  }
  return { routes, neighbours };
}

function interfaceOf({ index, own, directorMac, longest }: Sightings, name: string, known: KnownAddresses): NetworkInterface {
  const addresses = [...own].filter((address) => !known.virtual.has(address));
  return {
    index, ifindex: 0, name, mac: macText(directorMac ?? assumedDirectorMac(index)), mtu: Math.max(NO_MTU_BELOW, longest - ETHERNET_HEADER), up: true, attached: true,
    addresses: [...addresses, ...(index === 0 ? known.virtual : [])].map((address) => `${address}/${address.includes(':') ? 128 : 32}`),
  };
}

/** The interface with the address of the longest common prefix, if that could be a subnet; else the last one, as servers usually come last. */
function likeliestInterface(address: string, places: ReadonlyMap<string, Seen>, interfaces: number): number {
  let best = interfaces - 1;
  let longest = address.includes(':') ? 63 : 23;
  for (const [other, place] of places) {
    const common = commonPrefix(address, other);
    if (common > longest) {
      longest = common;
      best = place.interface;
    }
  }
  return best;
}

function commonPrefix(a: string, b: string): number {
  const [one, other] = [parseAddress(a), parseAddress(b)];
  if (one === null || other === null || one.family !== other.family) return 0;
  for (let n = 0; n < (one.family === 4 ? 1 : 4); n++) {
    const difference = swap32(one.words[n]! ^ other.words[n]!);
    if (difference !== 0) return n * 32 + Math.clz32(difference);
  }
  return one.family === 4 ? 32 : 128;
}

/** Locally administered, from the last four bytes of the address. */
function assumedMac(address: string): number {
  const { family, words } = parseAddress(address)!;
  return 0x0200 * 2 ** 32 + (swap32(words[family === 4 ? 0 : 3]!) >>> 0);
}

function assumedDirectorMac(index: number): number {
  return 0x0200_0000_d100 + index;
}

function count(counts: Map<number, number>, mac: number): void {
  counts.set(mac, (counts.get(mac) ?? 0) + 1);
}

function mostOften(counts: ReadonlyMap<number, number>): number | null {
  let best: number | null = null;
  for (const [mac, times] of counts) if (best === null || times > counts.get(best)!) best = mac;
  return best;
}
