/**
 * One round of a forwarder over its devices: frames that the fast path takes go out, all others are handed over to the owner of the connections
 * (forwarders.ts). No allocation. The caller (forwarder-worker.ts, or a test) decides how to wait between rounds.
 *
 * Order within a flow is kept: as long as a frame of it is on its way through the owner, those that follow go the same way. Which flows these are is
 * remembered by a few bits of a hash, and only while the ring holds anything.
 */
import type { FrameBurst, FrameSink } from '../wire/frame.ts';
import type { AttachedDevice } from '../device/device.ts';
import { bytesOf } from './burst-bytes.ts';
import type { FastContext } from './fast-context.ts';
import { FastForwarding } from './fast-forwarding.ts';
import { BATCH } from './fast-path.ts';
import { OWNER_SLEEPS } from './fast-state.ts';
import { BYTES, FAST, FRAMES, HANDED_OVER, LOST } from './forwarders.ts';
import type { HandoverWriter } from './handover.ts';
import type { SharedIndex } from './plane-share.ts';
import { enterRound, leaveRound } from './quiescence.ts';

const FLOW_BITS = 10, FLOWS = 1 << FLOW_BITS;

export interface ForwarderParts {
  readonly context: FastContext & { readonly index: SharedIndex };
  /** Words of quiescence.ts, and which line is this forwarder's. */
  readonly lines: Int32Array;
  readonly line: number;
  /** Network.macs. */
  readonly macs: Int32Array;
  /** forwarders.ts, FIGURES. */
  readonly figures: Float64Array;
  readonly devices: readonly (AttachedDevice & { readonly ring: HandoverWriter })[];
  readonly sink: FrameSink;
  readonly nowMs: () => number;
  wakeOwner(): void;
}

export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #fast: FastForwarding;
  /** Of each device: where in its ring the last frame of the flows with this hash ended. */
  readonly #handedOver: readonly Int32Array[];

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#fast = new FastForwarding(parts.context);
    this.#handedOver = parts.devices.map(() => new Int32Array(FLOWS));
  }

  /** How many frames there were. */
  round(): number {
    const { context, lines, line, devices, figures, nowMs } = this.#parts;
    enterRound(lines, line);
    context.index.follow();
    context.clock[0] = nowMs();
    let frames = 0;
    for (let i = 0; i < devices.length; i++) {
      const { device } = devices[i]!;
      const count = device.receive(device.burst);
      if (count === 0) continue;
      frames += count;
      figures[BYTES]! += bytesOf(device.burst);
      this.#run(i, device.burst);
    }
    for (let i = 0; i < devices.length; i++) devices[i]!.device.flush();
    for (let i = 0; i < devices.length; i++) devices[i]!.device.recycle();
    let handedOver = false;
    for (let i = 0; i < devices.length; i++) if (devices[i]!.ring.publish()) handedOver = true;
    figures[FRAMES]! += frames;
    leaveRound(lines, line);
    if (handedOver && Atomics.load(context.state, OWNER_SLEEPS) !== 0 && Atomics.exchange(context.state, OWNER_SLEEPS, 0) !== 0) this.#parts.wakeOwner();
    return frames;
  }

  #run(position: number, frames: FrameBurst): void {
    const { macs, devices, sink, figures } = this.#parts;
    const { interfaceIdx, ring } = devices[position]!;
    const { count } = frames;
    const fast = this.#fast.begin(interfaceIdx, macs[2 * interfaceIdx] ?? 0, macs[2 * interfaceIdx + 1] ?? 0);
    // Whether any frame is on its way through the owner: of those before this burst, or of this burst.
    let busy = ring.tail !== ring.head;
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      if (fast) this.#fast.stage(frames, from, size);
      for (let k = 0; k < size; k++) {
        // Fast path: established flows.
        if (fast) {
          const end = busy ? this.#firstFollower(position, frames, from, k, size) : size;
          const refused = k < end ? this.#fast.forward(frames, k, end, sink) : k;
          figures[FAST]! += refused - k;
          k = refused;
          if (k === size) break;
        }
        // Slow path: everything else.
        this.#handOver(position, frames, from + k);
        busy = true;
      }
    }
    this.#fast.finish();
  }

  /** The first frame from `k` on that has to follow one of its flow through the owner, or `size`. */
  #firstFollower(position: number, frames: FrameBurst, from: number, k: number, size: number): number {
    const handedOver = this.#handedOver[position]!;
    const { tail } = this.#parts.devices[position]!.ring;
    for (let i = k; i < size; i++) if ((((handedOver[flowOf(frames, from + i)] as number) - tail) | 0) > 0) return i;
    return size;
  }

  #handOver(position: number, frames: FrameBurst, i: number): void {
    const { devices, figures } = this.#parts;
    const { ring } = devices[position]!;
    if (!ring.push(frames.memory, frames.off[i] as number, frames.len[i] as number, frames.offload[i] as number)) {
      figures[LOST]! += 1;
      return;
    }
    figures[HANDED_OVER]! += 1;
    this.#handedOver[position]![flowOf(frames, i)] = ring.head;
  }
}

/** Of an IPv4 frame without options a hash of addresses and ports; of any other something that its flow has in common. */
function flowOf(frames: FrameBurst, i: number): number {
  const { i32 } = frames.memory;
  const ip = ((frames.off[i] as number) + 14) >> 2;
  const mixed = Math.imul((i32[ip + 3] as number) ^ Math.imul(i32[ip + 4] as number, 0x85ebca6b) ^ Math.imul(i32[ip + 5] as number, 0xc2b2ae35), 0x9e3779b1);
  return mixed >>> (32 - FLOW_BITS);
}
