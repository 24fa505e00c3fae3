/**
 * rtnetlink(7): links, addresses, routes and neighbours out of the kernel's messages, in the words of model/network-state. Interfaces are
 * still kernel ifindices here; netlink-watch gives them our own dense indices.
 */
import type { Route } from '../model/network-state.ts';
import type { Family } from '../model/protocol.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { attribute, eachAttribute, NLM_F_CREATE, stringOf, type NetlinkMessage, type NetlinkSocket } from './netlink.ts';

export const NETLINK_ROUTE = 0;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;
/** RTMGRP_LINK | NEIGH | IPV4_IFADDR | IPV4_ROUTE | IPV6_IFADDR | IPV6_ROUTE */
export const ROUTE_GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;

const AF_INET = 2;
const AF_INET6 = 10;
const ARPHRD_ETHER = 1;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const IFA_UNUSABLE = 0x40 | 0x08; // tentative, or duplicate found
const RTM_F_CLONED = 0x200;
const RTNH_F_DEAD = 1;
const TABLES = new Set([253, 254, 255]); // default, main, local
const ROUTE_TYPES: Readonly<Record<number, Route['type']>> = { 1: 'unicast', 2: 'local', 3: 'broadcast', 4: 'local', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };
const NUD_INCOMPLETE = 0x01;
const NUD_STALE = 0x04;
const NUD_FAILED = 0x20;
const NUD_NOARP = 0x40;
const NTF_USE = 1;
const NDA_DST = 1;

export interface Link { readonly ifindex: number; readonly name: string; readonly mac: string; readonly mtu: number; readonly up: boolean }
export interface LinkAddress { readonly ifindex: number; readonly prefix: string }
/** A Route whose interface is an ifindex, 0 for none. */
export interface KernelRoute extends Omit<Route, 'interface'> { readonly ifindex: number }
export interface KernelNeighbour {
  readonly ifindex: number;
  readonly address: string;
  /** null: gone or not answering. undefined: still asking, nothing to say. */
  readonly mac: string | null | undefined;
  /** Known, but not verified for a while. */
  readonly stale: boolean;
}

export function dumpLinks(socket: NetlinkSocket): Link[] {
  return dumped(socket, RTM_GETLINK, [new Uint8Array(16)], linkOf);
}

export function dumpAddresses(socket: NetlinkSocket): LinkAddress[] {
  return dumped(socket, RTM_GETADDR, [familyBody(8, AF_INET), familyBody(8, AF_INET6)], addressOf);
}

export function dumpRoutes(socket: NetlinkSocket): KernelRoute[] {
  return dumped(socket, RTM_GETROUTE, [familyBody(12, AF_INET), familyBody(12, AF_INET6)], routeOf);
}

export function dumpNeighbours(socket: NetlinkSocket): KernelNeighbour[] {
  return dumped(socket, RTM_GETNEIGH, [familyBody(12, AF_INET), familyBody(12, AF_INET6)], neighbourOf);
}

/** "Use" a neighbour as a packet of the host would: the kernel resolves or verifies it and tells everyone. Needs CAP_NET_ADMIN. */
export function useNeighbour(socket: NetlinkSocket, ifindex: number, address: string): void {
  const parsed = parseAddress(address);
  if (parsed === null) throw new RangeError(`"${address}" is not an address`);
  const body = new Uint8Array(12);
  const view = new DataView(body.buffer);
  view.setUint8(0, parsed.family === 4 ? AF_INET : AF_INET6);
  view.setInt32(4, ifindex, true);
  view.setUint8(10, NTF_USE);
  const bytes = new Uint8Array(parsed.words.buffer, parsed.words.byteOffset, parsed.family === 4 ? 4 : 16);
  socket.request(RTM_NEWNEIGH, NLM_F_CREATE, Buffer.concat([body, attribute(NDA_DST, bytes)]));
}

/** struct ndmsg. Null for what never carries our packets: multicast, interfaces without resolution, other families. */
export function neighbourOf({ type, body }: NetlinkMessage): KernelNeighbour | null {
  const family = familyOf(body.getUint8(0));
  const state = body.getUint16(8, true);
  if (family === null || state & NUD_NOARP) return null;
  let address = '';
  let mac: string | null = null;
  eachAttribute(body, 12, (kind, value) => {
    if (kind === NDA_DST) address = textOf(family, value);
    else if (kind === 2 && value.byteLength === 6) mac = macOf(value);
  });
  if (address === '') return null;
  const gone = type === RTM_DELNEIGH || (state & NUD_FAILED) !== 0;
  const asking = state === 0 || (state & NUD_INCOMPLETE) !== 0;
  return { ifindex: body.getInt32(4, true), address, mac: gone ? null : asking ? undefined : mac, stale: !gone && (state & NUD_STALE) !== 0 };
}

/** struct ifinfomsg. */
function linkOf({ type, body }: NetlinkMessage): Link | null {
  if (type !== RTM_NEWLINK) return null;
  let name = '';
  let mac = '';
  let mtu = 0;
  eachAttribute(body, 16, (kind, value) => {
    if (kind === 1 && value.byteLength === 6) mac = macOf(value);
    else if (kind === 3) name = stringOf(value);
    else if (kind === 4) mtu = value.getUint32(0, true);
  });
  const flags = body.getUint32(8, true);
  const isEthernet = body.getUint16(2, true) === ARPHRD_ETHER;
  return { ifindex: body.getInt32(4, true), name, mac: isEthernet ? mac : '', mtu, up: (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0 };
}

/** struct ifaddrmsg. */
function addressOf({ body }: NetlinkMessage): LinkAddress | null {
  const family = familyOf(body.getUint8(0));
  if (family === null) return null;
  let local = '';
  let peer = '';
  let flags = body.getUint8(2);
  eachAttribute(body, 8, (kind, value) => {
    if (kind === 1) peer = textOf(family, value);
    else if (kind === 2) local = textOf(family, value);
    else if (kind === 8) flags = value.getUint32(0, true);
  });
  if (flags & IFA_UNUSABLE || (local === '' && peer === '')) return null;
  return { ifindex: body.getUint32(4, true), prefix: `${local || peer}/${body.getUint8(1)}` };
}

/** struct rtmsg. Policy routing is not followed: only the tables every host has, and no routes by source or TOS. */
function routeOf({ body }: NetlinkMessage): KernelRoute | null {
  const family = familyOf(body.getUint8(0));
  const routeType = ROUTE_TYPES[body.getUint8(7)];
  const flags = body.getUint32(8, true);
  if (family === null || routeType === undefined || body.getUint8(2) !== 0 || body.getUint8(3) !== 0 || flags & (RTM_F_CLONED | RTNH_F_DEAD)) return null;
  let table = body.getUint8(4);
  let destination = family === 4 ? '0.0.0.0' : '::';
  let hop: Hop = { ifindex: 0, via: null };
  let source: string | null = null;
  let mtu = 0;
  let metric = 0;
  eachAttribute(body, 12, (kind, value) => {
    switch (kind) {
      case 1: destination = textOf(family, value); break;
      case 4: hop = { ...hop, ifindex: value.getInt32(0, true) }; break;
      case 5: hop = { ...hop, via: textOf(family, value) }; break;
      case 6: metric = value.getUint32(0, true); break;
      case 7: source = textOf(family, value); break;
      case 8: eachAttribute(value, 0, (name, number) => { if (name === 2) mtu = number.getUint32(0, true); }); break;
      case 9: hop = firstLiveHop(family, value) ?? hop; break;
      case 15: table = value.getUint32(0, true); break;
      case 18: hop = { ...hop, via: viaOf(value) }; break;
    }
  });
  if (!TABLES.has(table)) return null;
  return { family, prefix: `${destination}/${body.getUint8(1)}`, type: routeType, via: hop.via, ifindex: hop.ifindex, source, mtu, metric };
}

interface Hop { readonly ifindex: number; readonly via: string | null }

/** struct rtnexthop array of a multipath route. NB: one hop is used, the first that lives; the kernel spreads flows over all. */
function firstLiveHop(family: Family, value: DataView): Hop | null {
  for (let at = 0; at + 8 <= value.byteLength; ) {
    const length = value.getUint16(at, true);
    if (length < 8 || at + length > value.byteLength) return null;
    if ((value.getUint8(at + 2) & RTNH_F_DEAD) === 0) {
      let via: string | null = null;
      const hop = new DataView(value.buffer, value.byteOffset + at, length);
      eachAttribute(hop, 8, (kind, address) => {
        if (kind === 5) via = textOf(family, address);
        else if (kind === 18) via = viaOf(address);
      });
      return { ifindex: value.getInt32(at + 4, true), via };
    }
    at += (length + 3) & ~3;
  }
  return null;
}

/** struct rtvia: a gateway of another family. */
function viaOf(value: DataView): string | null {
  const family = familyOf(value.getUint16(0, true));
  return family === null ? null : textOf(family, new DataView(value.buffer, value.byteOffset + 2, value.byteLength - 2));
}

function dumped<T>(socket: NetlinkSocket, type: number, bodies: readonly Uint8Array[], decode: (message: NetlinkMessage) => T | null): T[] {
  const out: T[] = [];
  for (const body of bodies) {
    socket.dump(type, body, (message) => {
      const value = decode(message);
      if (value !== null) out.push(value);
    });
  }
  return out;
}

function familyBody(length: number, family: number): Uint8Array {
  const body = new Uint8Array(length);
  body[0] = family;
  return body;
}

function familyOf(number: number): Family | null {
  return number === AF_INET ? 4 : number === AF_INET6 ? 6 : null;
}

function textOf(family: Family, value: DataView): string {
  const word = (i: number): number => (value.byteLength >= i * 4 + 4 ? value.getInt32(i * 4, true) : 0);
  return family === 4 ? formatAddress(4, word(0), 0, 0, 0) : formatAddress(6, word(0), word(1), word(2), word(3));
}

function macOf(value: DataView): string {
  return Array.from(new Uint8Array(value.buffer, value.byteOffset, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
