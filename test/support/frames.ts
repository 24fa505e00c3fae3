/**
 * A director in a small network, for tests that put a packet in and look at what comes out: clients behind a gateway on cl0, real servers
 * 10.1.0.1..8 (2001:db8:1::1..8) on rs0, the director 10.1.0.254, the virtual address 192.0.2.10 (2001:db8::10).
 */
import { Dataplane, type DataplaneOptions } from '../../lib/dataplane/dataplane.ts';
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';
import { IPIP_TUNNEL, type Destination } from '../../lib/model/destination.ts';
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import type { ServiceId, VirtualService } from '../../lib/model/virtual-service.ts';
import { FrameBurst, FrameMemory, HEADROOM, INTERFACE_LOCAL, type FrameSink } from '../../lib/wire/frame.ts';
import { ethernetFrame, ipPacket, sctpChunk, sctpPacket, tcpSegment, udpDatagram, type IpFields, type TcpFields } from './frame-builder.ts';
import { viewFrame, type FrameView } from './frame-view.ts';
import { HostNetwork } from './host-network.ts';

export const CL0 = 0, RS0 = 1;
export const VIP = '192.0.2.10', VIP6 = '2001:db8::10';
export const CLIENT = '203.0.113.7', CLIENT6 = '2001:db8:ff::7';
const DIRECTOR_MACS = ['02:00:00:00:0d:01', '02:00:00:00:0d:02'] as const;
const GATEWAY_MAC = '02:00:00:00:0c:fe';
const DROP_NAMES = DROP_REASONS.map(([name]) => name);

export interface Outcome extends FrameView {
  readonly kind: 'transmit' | 'pass' | 'deliver';
  readonly interfaceIdx: number;
  readonly bytes: Buffer;
  readonly offload: number;
}

/** 10.1.0.n or 2001:db8:1::n. */
export function server(n: number, family: 4 | 6 = 4): string {
  return family === 4 ? `10.1.0.${n}` : `2001:db8:1::${n}`;
}

export function tcpService(port = 80, more: Partial<VirtualService> = {}, address = VIP): VirtualService {
  return service({ kind: 'address', protocol: 'tcp', address, port }, more);
}

export function udpService(port = 53, more: Partial<VirtualService> = {}, address = VIP): VirtualService {
  return service({ kind: 'address', protocol: 'udp', address, port }, more);
}

export function service(id: ServiceId, more: Partial<VirtualService> = {}): VirtualService {
  const family = id.kind === 'fwmark' ? id.family : id.address.includes(':') ? 6 : 4;
  return {
    id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: family === 6 ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false, ...more,
  };
}

export function destination(address: string, port: number, more: Partial<Destination> = {}): Destination {
  return { address, port, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0, ...more };
}

/** An IP packet in a frame, as the gateway (from a client) or a real server would send it. */
export function tcpFrame(src: string, sport: number, dst: string, dport: number, flags: number, fields: TcpFields & { ip?: IpFields } = {}): Buffer {
  return ipFrame(src, dst, 6, tcpSegment(src, dst, sport, dport, flags, fields), fields.ip);
}

export function udpFrame(src: string, sport: number, dst: string, dport: number, data: string, checksum: 'good' | 'bad' | 'none' = 'good', ip: IpFields = {}): Buffer {
  return ipFrame(src, dst, 17, udpDatagram(src, dst, sport, dport, Buffer.from(data), checksum), ip);
}

export function sctpFrame(src: string, sport: number, dst: string, dport: number, chunk: number): Buffer {
  return ipFrame(src, dst, 132, sctpPacket(sport, dport, 7, sctpChunk(chunk, 0, Buffer.alloc(16))));
}

export function ipFrame(src: string, dst: string, protocol: number, payload: Uint8Array, fields: IpFields = {}): Buffer {
  const fromServer = src.startsWith('10.1.0.') || src.startsWith('2001:db8:1::');
  return ethernetFrame(DIRECTOR_MACS[fromServer ? RS0 : CL0], fromServer ? '02:00:00:00:01:01' : GATEWAY_MAC, ipPacket(src, dst, protocol, payload, fields));
}

export class TestDirector implements FrameSink {
  readonly dataplane: Dataplane;
  nowMs: number;
  #outcomes: Outcome[] = [];
  #burst = new FrameBurst(new FrameMemory(new ArrayBuffer(0)));

  constructor(options: DataplaneOptions & { forwarding?: boolean } = {}) {
    this.nowMs = options.startMs ?? 1000;
    this.dataplane = new Dataplane({ maxConnections: 4096, random: () => 0.5, startMs: this.nowMs, ...options });
    this.dataplane.edit({ op: 'network', state: testNetwork(options.forwarding ?? true).state() }, this.nowMs);
  }

  /** Add a service with destinations; the last is the newest. */
  serve(config: VirtualService, ...destinations: readonly Destination[]): this {
    this.edit({ op: 'addService', service: config });
    for (const each of destinations) this.edit({ op: 'addDestination', id: config.id, destination: each });
    return this;
  }

  edit(edit: Parameters<Dataplane['edit']>[0]): this {
    this.dataplane.edit(edit, this.nowMs);
    return this;
  }

  /** One burst of frames; what came of it. Frames go in by the interface their source is on. */
  send(...frames: readonly Buffer[]): Outcome[] {
    return this.sendBy(interfaceOf(frames[0] as Buffer), 0, ...frames);
  }

  sendLocal(...frames: readonly Buffer[]): Outcome[] {
    return this.sendBy(INTERFACE_LOCAL, 0, ...frames);
  }

  sendBy(interfaceIdx: number, offload: number, ...frames: readonly Buffer[]): Outcome[] {
    const stride = 4 * Math.ceil((HEADROOM + 4 + Math.max(...frames.map((frame) => frame.length))) / 4);
    const memory = new FrameMemory(new ArrayBuffer(stride * frames.length));
    const burst = this.#burst;
    burst.memory = memory;
    burst.count = frames.length;
    for (const [i, frame] of frames.entries()) {
      burst.off[i] = i * stride + HEADROOM + 2;
      burst.len[i] = frame.length;
      burst.offload[i] = offload;
      memory.u8.set(frame, burst.off[i] as number);
    }
    this.dataplane.burst(interfaceIdx, burst, this, this.nowMs);
    return this.take();
  }

  /** Let time pass. */
  wait(ms: number): Outcome[] {
    this.nowMs += ms;
    this.dataplane.advance(this, this.nowMs);
    return this.take();
  }

  connections(): ConnectionRecord[] {
    const records: ConnectionRecord[] = [];
    for (let cursor = 0; cursor >= 0;) cursor = this.dataplane.connections(cursor, 100, records, this.nowMs);
    return records;
  }

  /** "ESTABLISHED 899" of the only connection. */
  state(): string {
    const [only] = this.connections().filter(({ template }) => !template);
    return only === undefined ? 'none' : `${only.state} ${only.expiresSec}`;
  }

  drops(): Record<string, number> {
    const { drops } = this.dataplane.stats();
    return Object.fromEntries(DROP_NAMES.flatMap((name, i) => (drops[i] === 0 ? [] : [[name, drops[i] as number]])));
  }

  take(): Outcome[] {
    return this.#outcomes.splice(0);
  }

  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#note('transmit', interfaceIdx, memory, off, len, offload);
  }

  pass(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#note('pass', interfaceIdx, memory, off, len, offload);
  }

  deliver(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    this.#note('deliver', interfaceIdx, memory, off, len, offload);
  }

  resolve(): void {}

  #note(kind: Outcome['kind'], interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    const bytes = Buffer.from(memory.u8.subarray(off, off + len));
    this.#outcomes.push({ kind, interfaceIdx, bytes, offload, ...viewFrame(bytes) });
  }
}

function interfaceOf(frame: Buffer): number {
  return frame[5] === 2 ? RS0 : CL0;
}

function testNetwork(forwarding: boolean): HostNetwork {
  const servers = Array.from({ length: 8 }, (_, i) => i + 1);
  return new HostNetwork({
    devices: {
      cl0: { mac: DIRECTOR_MACS[CL0], mtu: 1500, addrs: ['198.51.100.1/24', '2001:db8:c::1/64', `${VIP}/32`, '192.0.2.11/32', `${VIP6}/128`] },
      rs0: { mac: DIRECTOR_MACS[RS0], mtu: 1500, addrs: ['10.1.0.254/24', '2001:db8:1::fe/64'] },
    },
    routes: ['default via 198.51.100.254 dev cl0', 'default via 2001:db8:c::fe dev cl0'],
    neigh: [
      ['198.51.100.254', GATEWAY_MAC, 'cl0'], ['2001:db8:c::fe', GATEWAY_MAC, 'cl0'],
      ...servers.flatMap((n) => [[server(n), `02:00:00:00:01:0${n}`, 'rs0'], [server(n, 6), `02:00:00:00:01:0${n}`, 'rs0']] as [string, string, string][]),
    ],
    forwarding,
  });
}
