/**
 * The sink of the live director: where a frame's verdict becomes a device call. Frames are not copied; devices send them out of the
 * receive ring at flush().
 *
 * PASS is a no-op for a frame that the host's stack saw anyway. Only when its device took it away from the host, or the guard did (it looked
 * like ours until the walk said otherwise), is it given back, through the same device that delivers to the local node. A frame that the host itself
 * sends and the guard redirected to us, because it could be an answer of a local node, is sent on when it is none.
 */
import type { AttachedDevice, Device } from '../device/device.ts';
import { INTERFACE_LOCAL, type FrameMemory, type FrameSink } from '../wire/frame.ts';

/** Whether the guard keeps this frame from the host's stack; the same predicate that its eBPF program evaluates. */
export interface GuardPredicate {
  takes(interfaceIdx: number, memory: FrameMemory, off: number, len: number, wasFragmented?: boolean): boolean;
}

/** Where the host's own frames go (Network). */
export interface HostRoutes {
  route(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): number;
  send(hop: number, memory: FrameMemory, l3Off: number, l3End: number, offload: number, sink: FrameSink): void;
}

/** Answers for addresses that the host does not have (OwnVips). */
export interface Answerer {
  answer(interfaceIdx: number, memory: FrameMemory, off: number, len: number, sink: FrameSink): boolean;
}

export interface DeviceSinkOptions {
  /** The device into the host's own stack. */
  readonly host?: Device | null;
  readonly guard?: GuardPredicate | null;
  readonly answerer?: Answerer | null;
  readonly routes?: HostRoutes | null;
  /** More memories of frames that were taken away from the host, besides those of devices. */
  readonly stolen?: readonly FrameMemory[];
  readonly onResolve: (interfaceIdx: number, address: string) => void;
}

export class DeviceSink implements FrameSink {
  /** Frames given back to the host's stack. */
  returned = 0;
  /** Frames for interfaces without device, or for a local node without a way into the host's stack. */
  lost = 0;
  readonly #byInterface: (Device | undefined)[] = [];
  readonly #host: Device | null;
  readonly #guard: GuardPredicate | null;
  readonly #answerer: Answerer | null;
  readonly #routes: HostRoutes | null;
  readonly #stolen: readonly FrameMemory[];
  readonly #onResolve: (interfaceIdx: number, address: string) => void;

  constructor(devices: readonly AttachedDevice[], options: DeviceSinkOptions) {
    for (const { interfaceIdx, device } of devices) if (interfaceIdx >= 0) this.#byInterface[interfaceIdx] = device;
    this.#host = options.host ?? null;
    this.#guard = options.guard ?? null;
    this.#answerer = options.answerer ?? null;
    this.#routes = options.routes ?? null;
    this.#stolen = options.stolen ?? [];
    this.#onResolve = options.onResolve;
  }

  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    const device = interfaceIdx >= 0 ? this.#byInterface[interfaceIdx] : undefined;
    if (device === undefined) this.lost++;
    else device.transmit(memory, off, len, offload);
  }

  pass(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number, wasFragmented = false): void {
    if (interfaceIdx === INTERFACE_LOCAL) {
      this.#sendForHost(memory, off, len, offload);
      return;
    }
    if (this.#answerer !== null && this.#answerer.answer(interfaceIdx, memory, off, len, this)) return;
    const isStolen = this.#byInterface[interfaceIdx]?.stolen === memory || this.#stolen.includes(memory);
    if (!isStolen && (this.#guard === null || !this.#guard.takes(interfaceIdx, memory, off, len, wasFragmented))) return;
    this.returned++;
    this.deliver(interfaceIdx, memory, off, len, offload);
  }

  deliver(_interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    if (this.#host === null) this.lost++;
    else this.#host.transmit(memory, off, len, offload);
  }

  resolve(interfaceIdx: number, address: string): void {
    this.#onResolve(interfaceIdx, address);
  }

  /** NB: by the routes the data plane knows, not by the host's own choice, which the redirect has lost. */
  #sendForHost(memory: FrameMemory, off: number, len: number, offload: number): void {
    const l3Off = off + 14;
    const family = memory.u8[l3Off]! >> 4 === 6 ? 6 : 4;
    const at = (l3Off >> 2) + (family === 4 ? 4 : 6);
    const { i32 } = memory;
    const hop = this.#routes === null ? -1
      : family === 4 ? this.#routes.route(4, i32[at]!, 0, 0, 0) : this.#routes.route(6, i32[at]!, i32[at + 1]!, i32[at + 2]!, i32[at + 3]!);
    if (hop < 0) this.lost++;
    else this.#routes!.send(hop, memory, l3Off, off + len, offload, this);
  }
}
