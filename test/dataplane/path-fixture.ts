/**
 * A small director without a table, for tests of the later steps of the walk: the recorded topology as a Network, a sink that keeps what it
 * is given, and frames turned into packets by the simplest parser that will do.
 */
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';
import type { NetworkInterface, NetworkState, Neighbour, Route } from '../../lib/model/network-state.ts';
import { sysctlDefaults } from '../../lib/model/sysctl.ts';
import { parseAddress } from '../../lib/wire/address.ts';
import { FrameMemory, HEADROOM, type FrameSink } from '../../lib/wire/frame.ts';
import { Network } from '../../lib/dataplane/network.ts';
import { Packet } from '../../lib/dataplane/packet.ts';
import type { PathContext } from '../../lib/dataplane/path-context.ts';
import { ethernetFrame } from '../support/frame-builder.ts';

export const CLIENT_MAC = '02:00:00:00:0c:fe';
export const CL0_MAC = '02:00:00:00:0d:01';
export const RS0_MAC = '02:00:00:00:0d:02';
export const CLIENT = '203.0.113.7';
export const CLIENT6 = '2001:db8:ff::7';
export const VIP = '192.0.2.10';
export const VIP6 = '2001:db8::10';
export const RIP = '10.1.0.1';
export const RIP6 = '2001:db8:1::1';
export const RIP_MAC = '02:00:00:00:01:01';

export interface SentFrame { readonly how: 'transmit' | 'pass' | 'deliver'; readonly interfaceIdx: number; readonly frame: Buffer; readonly offload: number }

export class KeepingSink implements FrameSink {
  readonly sent: SentFrame[] = [];
  readonly resolved: string[] = [];

  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#keep('transmit', interfaceIdx, memory, off, len, offload);
  }

  pass(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#keep('pass', interfaceIdx, memory, off, len, offload);
  }

  deliver(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#keep('deliver', interfaceIdx, memory, off, len, offload);
  }

  resolve(interfaceIdx: number, address: string): void {
    this.resolved.push(`${interfaceIdx} ${address}`);
  }

  /** IP packets sent so far, in order; empties the list. */
  take(): Buffer[] {
    return this.sent.splice(0).map(({ frame }) => frame.subarray(14));
  }

  #keep(how: SentFrame['how'], interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    if (off < 0 || (off & 3) !== 2 || len < 14 || off + len > memory.u8.length) throw new Error(`frame at ${off}, ${len} bytes, is not in its memory or not aligned`);
    this.sent.push({ how, interfaceIdx, frame: Buffer.from(memory.u8.subarray(off, off + len)), offload });
  }
}

export function iface(index: number, name: string, mac: string, addresses: readonly string[], more: Partial<NetworkInterface> = {}): NetworkInterface {
  return { index, ifindex: index + 2, name, mac, mtu: 1500, up: true, addresses, attached: true, ...more };
}

export function route(prefix: string, interfaceIdx: number, more: Partial<Route> = {}): Route {
  return { family: prefix.includes(':') ? 6 : 4, prefix, type: 'unicast', via: null, interface: interfaceIdx, source: null, mtu: 0, metric: 0, ...more };
}

/** Profile std of the recordings; mtu is that of rs0. */
export function stdNetwork(mtu = 1500): NetworkState {
  const neighbours: Neighbour[] = [
    { interface: 0, address: '198.51.100.254', mac: CLIENT_MAC },
    { interface: 0, address: '2001:db8:c::fe', mac: CLIENT_MAC },
  ];
  for (let n = 1; n <= 8; n++) {
    const mac = `02:00:00:00:01:0${n}`;
    neighbours.push({ interface: 1, address: `10.1.0.${n}`, mac }, { interface: 1, address: `2001:db8:1::${n}`, mac });
  }
  return {
    interfaces: [
      iface(0, 'cl0', CL0_MAC, ['198.51.100.1/24', '2001:db8:c::1/64', '192.0.2.10/32', '192.0.2.11/32', '2001:db8::10/128', '2001:db8::11/128']),
      iface(1, 'rs0', RS0_MAC, ['10.1.0.254/24', '2001:db8:1::fe/64'], { mtu }),
    ],
    routes: [
      route('198.51.100.0/24', 0), route('2001:db8:c::/64', 0), route('10.1.0.0/24', 1), route('2001:db8:1::/64', 1),
      route('0.0.0.0/0', 0, { via: '198.51.100.254' }), route('::/0', 0, { via: '2001:db8:c::fe' }),
    ],
    neighbours, forwarding4: true, forwarding6: true,
  };
}

export interface PathWorld { readonly network: Network; readonly sink: KeepingSink; readonly ctx: PathContext; readonly drops: Float64Array }

export function pathWorld(state: NetworkState = stdNetwork()): PathWorld {
  const drops = new Float64Array(DROP_REASONS.length);
  const network = new Network(drops, undefined, () => 0.25);
  network.apply(state);
  const sink = new KeepingSink();
  return { network, sink, drops, ctx: { network, sink, nowMs: 0, sysctl: sysctlDefaults(), drops, icmpLimit: null, answerBytes: 0 } };
}

/** Names of the drop reasons counted so far, with counts. */
export function dropsOf(drops: Float64Array): Record<string, number> {
  return Object.fromEntries(DROP_REASONS.flatMap(([name], i) => (drops[i] ? [[name, drops[i]]] : [])));
}

export function words(address: string): Int32Array {
  return parseAddress(address)!.words;
}

export function routeTo(network: Network, address: string): number {
  const { family, words: w } = parseAddress(address)!;
  return network.route(family, w[0]!, w[1]!, w[2]!, w[3]!);
}

/** An IP packet, as it would arrive in a frame, as a parsed packet in memory of its own. `tag`: bytes between MACs and EtherType. */
export function packetOf(ip: Buffer, interfaceIdx = 0, offload = 0, tag = Buffer.alloc(0)): Packet {
  const frame = ethernetFrame(CL0_MAC, CLIENT_MAC, ip);
  const tagged = Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
  const memory = new FrameMemory(new ArrayBuffer((HEADROOM + tagged.length + 19) & ~7));
  const off = HEADROOM + 2 - (tag.length % 4);
  memory.u8.set(tagged, off);
  const p = new Packet();
  Object.assign(p, { memory, interfaceIdx, off, len: tagged.length, offload, l3Off: off + 14 + tag.length });
  parseIp(p, off + tagged.length);
  return p;
}

function parseIp(p: Packet, end: number): void {
  const { u8, i32 } = p.memory;
  const l3 = p.l3Off;
  const w = i32.subarray(l3 >> 2);
  if (u8[l3]! >> 4 === 4) {
    p.family = 4;
    p.l3End = Math.min(end, l3 + ((u8[l3 + 2]! << 8) | u8[l3 + 3]!));
    p.l4Off = l3 + (u8[l3]! & 15) * 4;
    p.protocol = u8[l3 + 9]!;
    p.s0 = w[3]!;
    p.d0 = w[4]!;
    p.fragmentOff = (((u8[l3 + 6]! & 0x1f) << 8) | u8[l3 + 7]!) * 8;
    p.isFragment = p.fragmentOff > 0 || (u8[l3 + 6]! & 0x20) !== 0;
  } else {
    p.family = 6;
    p.l3End = Math.min(end, l3 + 40 + ((u8[l3 + 4]! << 8) | u8[l3 + 5]!));
    [p.s0, p.s1, p.s2, p.s3, p.d0, p.d1, p.d2, p.d3] = [w[2]!, w[3]!, w[4]!, w[5]!, w[6]!, w[7]!, w[8]!, w[9]!];
    p.protocol = u8[l3 + 6]!;
    p.l4Off = l3 + 40;
    while ([0, 43, 44, 60].includes(p.protocol) && p.l4Off + 8 <= p.l3End) {
      const header = p.l4Off;
      if (p.protocol === 44) {
        p.isFragment = true;
        p.fragmentHeaderOff = header;
        p.fragmentOff = (u8[header + 2]! << 8) | (u8[header + 3]! & 0xf8);
      }
      p.l4Off += p.protocol === 44 ? 8 : (u8[header + 1]! + 1) * 8;
      p.protocol = u8[header]!;
      if (p.fragmentOff > 0) break;
    }
  }
  if (p.fragmentOff === 0 && p.l4Off + 4 <= p.l3End) p.ports = i32[p.l4Off >> 2]!;
}
