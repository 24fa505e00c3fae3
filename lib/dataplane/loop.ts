/**
 * One round of the live data plane over its devices: timers, then a burst from each device, then everything out, then the rings back.
 * No allocation. The caller (worker.ts, or a test) decides how to wait between rounds.
 */
import type { FrameBurst, FrameSink } from '../wire/frame.ts';
import type { AttachedDevice } from '../device/device.ts';
import { bytesOf } from './burst-bytes.ts';

/** What a round needs of the core. */
export interface LoopCore {
  burst(interfaceIdx: number, frames: FrameBurst, sink: FrameSink, nowMs: number): void;
  advance(sink: FrameSink, nowMs: number): number;
}

/** Devices that are dear to look at are looked at once in so many rounds without being told that it is worth it. */
const LOOK_EVERY = 16;

export class Loop {
  /** Wall time of the longest round that handled frames. */
  longestBurstMs = 0;
  rounds = 0;
  readonly #core: LoopCore;
  readonly #devices: readonly AttachedDevice[];
  readonly #sink: FrameSink;
  readonly #nowMs: () => number;
  readonly #bytes = new Float64Array(1);
  /** Rounds since devices that are dear to look at were. */
  #unlooked = 0;

  constructor(core: LoopCore, devices: readonly AttachedDevice[], sink: FrameSink, nowMs: () => number) {
    this.#core = core;
    this.#devices = devices;
    this.#sink = sink;
    this.#nowMs = nowMs;
  }

  /** Received so far from devices that are no other thread's. */
  get bytes(): number {
    return this.#bytes[0]!;
  }

  /** `looks`: also at devices that are dear to look at. Returns how long the data plane may sleep, in ms: 0 when there was work and may be more. */
  round(looks = true): number {
    const devices = this.#devices;
    const looksEverywhere = looks || ++this.#unlooked >= LOOK_EVERY;
    if (looksEverywhere) this.#unlooked = 0;
    const startMs = this.#nowMs();
    const idleMs = this.#core.advance(this.#sink, startMs);
    let frames = 0;
    for (let i = 0; i < devices.length; i++) {
      const { device, interfaceIdx } = devices[i]!;
      if (device.dearToLook === true && !looksEverywhere) continue;
      const count = device.receive(device.burst);
      if (count === 0) continue;
      frames += count;
      if (device.relays !== true) this.#bytes[0]! += bytesOf(device.burst);
      this.#core.burst(interfaceIdx, device.burst, this.#sink, startMs);
    }
    // NB: flush every device before any ring is recycled: a frame waits in one device's queue while its bytes lie in another's ring.
    for (let i = 0; i < devices.length; i++) devices[i]!.device.flush();
    for (let i = 0; i < devices.length; i++) devices[i]!.device.recycle();
    this.rounds++;
    if (frames === 0) return idleMs;
    const tookMs = this.#nowMs() - startMs;
    if (tookMs > this.longestBurstMs) this.longestBurstMs = tookMs;
    return 0;
  }
}
