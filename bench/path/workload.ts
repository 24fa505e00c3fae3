/** What the benches of the core share: a small network, frames to a service on 192.0.2.10 port 80, and a sink that only counts. */
import type { Dataplane } from '../../lib/dataplane/dataplane.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST, type FrameSink } from '../../lib/wire/frame.ts';

/** Frames of a pass, as reference.c has them. */
export const FRAMES = 8192;
const STRIDE = 2048;
export const FRAME_LEN = 60;

/** Clients behind a gateway on one interface, these real servers on the other, of either family. */
export function benchNetwork(servers: readonly string[]): NetworkState {
  return {
    interfaces: [
      { index: 0, ifindex: 0, name: 'cl0', mac: '02:00:00:00:0d:01', mtu: 1500, up: true, addresses: ['198.51.100.1/24', '192.0.2.10/32', '2001:db8:c::1/64', '2001:db8::10/128'], attached: true },
      { index: 1, ifindex: 0, name: 'rs0', mac: '02:00:00:00:0d:02', mtu: 1500, up: true, addresses: ['10.1.255.254/16', '2001:db8:1::fe/64'], attached: true },
    ],
    routes: [
      { family: 4, prefix: '0.0.0.0/0', type: 'unicast', via: '198.51.100.254', interface: 0, source: null, mtu: 0, metric: 0 },
      { family: 4, prefix: '198.51.100.0/24', type: 'unicast', via: null, interface: 0, source: '198.51.100.1', mtu: 0, metric: 0 },
      { family: 4, prefix: '10.1.0.0/16', type: 'unicast', via: null, interface: 1, source: '10.1.255.254', mtu: 0, metric: 0 },
      { family: 6, prefix: '::/0', type: 'unicast', via: '2001:db8:c::fe', interface: 0, source: null, mtu: 0, metric: 0 },
      { family: 6, prefix: '2001:db8:c::/64', type: 'unicast', via: null, interface: 0, source: '2001:db8:c::1', mtu: 0, metric: 0 },
      { family: 6, prefix: '2001:db8:1::/64', type: 'unicast', via: null, interface: 1, source: '2001:db8:1::fe', mtu: 0, metric: 0 },
      { family: 6, prefix: '2001:db8::10/128', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
      { family: 4, prefix: '192.0.2.10/32', type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 },
    ],
    neighbours: [
      { interface: 0, address: '198.51.100.254', mac: '02:00:00:00:0c:fe' },
      { interface: 0, address: '2001:db8:c::fe', mac: '02:00:00:00:0c:fe' },
      ...servers.map((address, i) => ({ interface: 1, address, mac: `02:00:00:01:${hex(i >> 8)}:${hex(i & 255)}` })),
    ],
    forwarding4: true,
    forwarding6: true,
  };
}

/** Counts what comes out, so that a core which forwards nothing cannot look fast. */
export class CountingSink implements FrameSink {
  transmitted = 0;
  other = 0;
  transmit(): void { this.transmitted++; }
  pass(): void { this.other++; }
  deliver(): void { this.other++; }
  resolve(): void { this.other++; }
}

/** FRAMES frames in memory, in bursts as a device hands them over: filled before the clock runs. */
export class FrameSupply {
  readonly #memory = new FrameMemory(new ArrayBuffer(FRAMES * STRIDE + 4096));
  readonly #bursts: readonly FrameBurst[];
  readonly #template: Uint8Array;
  #seed = 12345;

  /** `udp`: 18 bytes of data (`udp6`, of IPv6: none) and a checksum. `tcp`: a SYN. */
  constructor(protocol: 'udp' | 'udp6' | 'tcp' = 'udp') {
    this.#template = { udp: UDP_FRAME, udp6: UDP6_FRAME, tcp: TCP_FRAME }[protocol];
    this.#bursts = Array.from({ length: FRAMES / MAX_BURST }, (_, b) => {
      const burst = new FrameBurst(this.#memory);
      for (let i = 0; i < MAX_BURST; i++) {
        burst.off[i] = (b * MAX_BURST + i) * STRIDE + HEADROOM + 2;
        burst.len[i] = this.#template.length;
      }
      return burst;
    });
  }

  /** Write frame number `slot`, of connection number `conn`: sixteen ports of each client. */
  build(slot: number, conn: number): void {
    const off = slot * STRIDE + HEADROOM + 2;
    const { u8 } = this.#memory;
    u8.set(this.#template, off);
    const client = 0x0a000000 + (conn >> 4);
    const port = 1024 + (conn & 15) * 13;
    if (this.#template === UDP6_FRAME) {
      u8[off + 34] = client >>> 24; u8[off + 35] = client >>> 16; u8[off + 36] = client >>> 8; u8[off + 37] = client;
      u8[off + 54] = port >>> 8; u8[off + 55] = port;
      return;
    }
    u8[off + 26] = client >>> 24; u8[off + 27] = client >>> 16; u8[off + 28] = client >>> 8; u8[off + 29] = client;
    u8[off + 34] = port >>> 8; u8[off + 35] = port;
    let sum = 0;
    for (let i = 0; i < 20; i += 2) if (i !== 10) sum += u8[off + 14 + i]! << 8 | u8[off + 15 + i]!;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = ~((sum & 0xffff) + (sum >>> 16));
    u8[off + 24] = sum >>> 8; u8[off + 25] = sum;
  }

  /** Fresh headers to random connections below `connections` in every frame. */
  refill(connections: number): void {
    for (let i = 0; i < FRAMES; i++) {
      this.#seed ^= this.#seed << 13; this.#seed ^= this.#seed >>> 17; this.#seed ^= this.#seed << 5;
      this.build(i, (this.#seed >>> 0) % connections);
    }
  }

  /** Burst `number`, of MAX_BURST frames. */
  burst(number: number, count = MAX_BURST): FrameBurst {
    const burst = this.#bursts[number] as FrameBurst;
    burst.count = count;
    return burst;
  }

  /** The first `count` frames through the core. */
  send(dataplane: Dataplane, count: number, sink: FrameSink, nowMs: number): void {
    for (let b = 0; b * MAX_BURST < count; b++) dataplane.burst(0, this.burst(b, Math.min(MAX_BURST, count - b * MAX_BURST)), sink, nowMs);
  }
}

/** Processor time of this process, ns: what other programs on a busy machine take does not count. */
export function processorNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** Addresses and checksum are filled in later. */
function frameOf(protocol: number, length: number, transport: readonly number[]): Uint8Array {
  const frame = new Uint8Array(FRAME_LEN);
  frame.set([2, 0, 0, 0, 0x0d, 1, 2, 0, 0, 0, 0x0c, 0xfe, 8, 0, 0x45, 0, 0, length, 0, 0, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 192, 0, 2, 10, ...transport]);
  return frame;
}

const UDP_FRAME = frameOf(17, 46, [0, 0, 0, 80, 0, 26, 0x34, 0x12]);
/** From 2001:db8:ff::, whose last word is filled in, to 2001:db8::10. */
const UDP6_FRAME = Uint8Array.of(
  2, 0, 0, 0, 0x0d, 1, 2, 0, 0, 0, 0x0c, 0xfe, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64,
  0x20, 1, 0x0d, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 80, 0, 8, 0x34, 0x12,
);
const TCP_FRAME = frameOf(6, 40, [0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0x34, 0x12, 0, 0]);
