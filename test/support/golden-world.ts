/**
 * One director as a golden case knows it: our data plane between two (or more) Ethernet devices in memory, the model of the host's stack behind it and a
 * virtual clock. Frames go in, frames that leave are collected in order.
 */
import { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { FrameBurst, FrameMemory, type FrameSink, HEADROOM, INTERFACE_LOCAL } from '../../lib/wire/frame.ts';
import type { DataplaneStats } from '../../lib/model/stats.ts';
import type { GoldenTopology, OutFrame } from './golden-case.ts';
import { HostNetwork } from './host-network.ts';
import { HostStack } from './host-stack.ts';
import { FIRST_REFRESH_SEC, REFRESH_EVERY_SEC } from './refreshed-counters.ts';

/** Virtual time at which a case begins; not 0, so that "never" and "at the beginning" differ. */
const START_MS = 1_000_000;
const FRAME_OFF = HEADROOM + 2;
/** Smallest step of the clock when timers ask for less: one jiffy of the recorded kernel is 4 ms. */
const SMALLEST_STEP_MS = 1;

export class GoldenWorld {
  readonly network: HostNetwork;
  readonly host: HostStack;
  readonly dataplane: Dataplane;
  nowMs = START_MS;
  /** Called whenever the recorded director's estimator ran. */
  onRefresh: (live: DataplaneStats) => void = () => {};
  #nextRefreshMs = START_MS + FIRST_REFRESH_SEC * 1000;
  readonly #burst = new FrameBurst(new FrameMemory(new ArrayBuffer(1 << 18)));
  #out: OutFrame[] = [];
  /** What the director handed to the host during a burst; handled after it, because the host's answers are bursts of their own. */
  readonly #pending: (() => void)[] = [];
  readonly sink: FrameSink;

  constructor(topology: GoldenTopology | undefined) {
    this.network = new HostNetwork(topology);
    this.dataplane = new Dataplane({ startMs: START_MS, maxConnections: 1 << 16 });
    this.host = new HostStack(this.network, {
      emit: (device, frame) => { this.#out.push({ dev: device, hex: frame.toString('hex') }); },
      viaDirector: (frame) => { this.#pending.push(() => this.#inject(INTERFACE_LOCAL, frame)); },
    });
    this.sink = {
      transmit: (interfaceIdx, memory, off, len) => {
        const device = this.network.devices[interfaceIdx];
        if (device?.attached) this.#out.push({ dev: device.name, hex: copy(memory, off, len).toString('hex') });
      },
      pass: (interfaceIdx, memory, off, len) => {
        const frame = copy(memory, off, len);
        this.#pending.push(() => {
          if (interfaceIdx === INTERFACE_LOCAL) this.host.output(frame, this.nowMs);
          else this.host.receive(this.network.devices[interfaceIdx]!.name, frame, this.nowMs);
        });
      },
      deliver: (_interfaceIdx, memory, off, len) => {
        const frame = copy(memory, off, len);
        this.#pending.push(() => this.host.deliver(frame, this.nowMs));
      },
      resolve: () => {},
    };
    this.networkChanged();
  }

  /** Seconds since the case began. */
  get seconds(): number {
    return (this.nowMs - START_MS) / 1000;
  }

  networkChanged(): void {
    this.dataplane.edit({ op: 'network', state: this.network.state() }, this.nowMs);
  }

  /** Let timers run until `seconds` after the beginning. */
  advanceTo(seconds: number): void {
    const targetMs = START_MS + seconds * 1000;
    for (;;) {
      const wantsMs = this.dataplane.advance(this.sink, this.nowMs);
      this.#settle();
      const hostMs = this.host.advance(this.nowMs);
      this.#settle();
      while (this.#nextRefreshMs <= this.nowMs) {
        this.onRefresh(this.dataplane.stats());
        this.#nextRefreshMs += REFRESH_EVERY_SEC * 1000;
      }
      if (this.nowMs >= targetMs) return;
      this.nowMs = Math.min(targetMs, this.#nextRefreshMs, hostMs > this.nowMs ? hostMs : Infinity, this.nowMs + Math.max(SMALLEST_STEP_MS, wantsMs));
    }
  }

  frame(device: string, hex: string): void {
    const interfaceIdx = this.network.devices.findIndex((d) => d.name === device);
    this.#inject(interfaceIdx, Buffer.from(hex, 'hex'));
    this.#settle();
  }

  listen(protocol: string, address: string, port: number): void {
    this.host.listen(protocol, address, port);
  }

  connect(protocol: string, address: string, port: number, source: readonly [string, number] | null): void {
    this.host.connect(protocol, address, port, source, this.nowMs);
    this.#settle();
  }

  /** Frames that left since the last call. */
  takeOut(): OutFrame[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #inject(interfaceIdx: number, frame: Buffer): void {
    const burst = this.#burst;
    burst.memory.u8.fill(0, 0, FRAME_OFF);
    burst.memory.u8.set(frame, FRAME_OFF);
    burst.off[0] = FRAME_OFF;
    burst.len[0] = frame.length;
    burst.offload[0] = 0;
    burst.count = 1;
    this.dataplane.burst(interfaceIdx, burst, this.sink, this.nowMs);
  }

  #settle(): void {
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) next();
  }
}

function copy(memory: FrameMemory, off: number, len: number): Buffer {
  return Buffer.from(memory.u8.subarray(off, off + len));
}
