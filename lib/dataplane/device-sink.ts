/**
 * The sink of the live director: where a frame's verdict becomes a device call. Frames are not copied; devices send them out of the
 * receive ring at flush().
 *
 * PASS is a no-op for a frame that the host's stack saw anyway. Only when the guard kept it from the host (it looked like ours
 * until the walk said otherwise) is it given back, through the same device that delivers to the local node.
 */
import type { Device } from '../device/device.ts';
import type { FrameMemory, FrameSink } from '../wire/frame.ts';

/** Whether the guard keeps this frame from the host's stack; the same predicate that its eBPF program evaluates. */
export interface GuardPredicate {
  takes(interfaceIdx: number, memory: FrameMemory, off: number, len: number): boolean;
}

export interface AttachedDevice {
  /** NetworkInterface.index, or INTERFACE_LOCAL for the device into the host's own stack. */
  readonly interfaceIdx: number;
  readonly device: Device;
}

export class DeviceSink implements FrameSink {
  /** Frames given back to the host's stack. */
  returned = 0;
  /** Frames for interfaces without device, or for a local node without a way into the host's stack. */
  lost = 0;
  readonly #byInterface: (Device | undefined)[] = [];
  readonly #host: Device | null;
  readonly #guard: GuardPredicate | null;
  readonly #onResolve: (interfaceIdx: number, address: string) => void;

  constructor(devices: readonly AttachedDevice[], host: Device | null, guard: GuardPredicate | null, onResolve: (interfaceIdx: number, address: string) => void) {
    for (const { interfaceIdx, device } of devices) if (interfaceIdx >= 0) this.#byInterface[interfaceIdx] = device;
    this.#host = host;
    this.#guard = guard;
    this.#onResolve = onResolve;
  }

  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    const device = interfaceIdx >= 0 ? this.#byInterface[interfaceIdx] : undefined;
    if (device === undefined) this.lost++;
    else device.transmit(memory, off, len, offload);
  }

  pass(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void {
    if (this.#guard === null || !this.#guard.takes(interfaceIdx, memory, off, len)) return;
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
}
