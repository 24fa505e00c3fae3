/**
 * Link-layer addresses of next hops, and the frames that wait for one. As the kernel's neighbour queue: a few packets per next hop are
 * kept while resolution runs, the oldest goes when one more comes; a total bound keeps a flood towards silent addresses from
 * taking memory. Frames wait as copies; everything here is off the fast path.
 */
import { parseAddress } from '../wire/address.ts';
import type { FrameMemory } from '../wire/frame.ts';
import type { Neighbour } from '../model/network-state.ts';

/** unres_qlen: packets that may wait for one next hop. */
const HELD_PER_HOP = 101;
const HELD_BYTES_TOTAL = 4 << 20;
/** Three probes of one second each. */
export const HELD_MS = 3000;

export interface HeldFrame {
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  readonly offload: number;
  readonly sinceMs: number;
}

/** Six bytes of "02:00:00:00:0d:01", or null. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return null;
  return Uint8Array.from(text.split(':'), (part) => parseInt(part, 16));
}

/** Key of an address on an interface. Used when a next hop is made and when a neighbour changes, never per packet. */
export function neighbourKey(interfaceIdx: number, family: 4 | 6, words: ArrayLike<number>): string {
  return `${interfaceIdx} ${family} ${words[0]} ${words[1]} ${words[2]} ${words[3]}`;
}

export class Neighbours {
  readonly #macs = new Map<string, Uint8Array>();

  /** Returns the key, or null for an address that cannot be read. */
  set(neighbour: Neighbour): string | null {
    const address = parseAddress(neighbour.address);
    if (address === null) return null;
    const key = neighbourKey(neighbour.interface, address.family, address.words);
    const mac = neighbour.mac === null ? null : parseMac(neighbour.mac);
    if (mac === null) this.#macs.delete(key);
    else this.#macs.set(key, mac);
    return key;
  }

  clear(): void {
    this.#macs.clear();
  }

  get(key: string): Uint8Array | null {
    return this.#macs.get(key) ?? null;
  }
}

/** Frames waiting per next-hop index. */
export class HeldFrames {
  readonly #byHop = new Map<number, HeldFrame[]>();
  #bytes = 0;

  get empty(): boolean {
    return this.#byHop.size === 0;
  }

  /** Next hops that frames wait for. */
  hops(): readonly number[] {
    return [...this.#byHop.keys()];
  }

  /** Keep a copy; returns how many frames had to go for it (this one included if it did not fit). */
  hold(hop: number, memory: FrameMemory, l3Off: number, length: number, offload: number, sinceMs: number): number {
    let lost = 0;
    if (this.#bytes + length > HELD_BYTES_TOTAL) return 1;
    const queue = this.#byHop.get(hop) ?? [];
    if (queue.length >= HELD_PER_HOP) {
      this.#bytes -= (queue.shift() as HeldFrame).bytes.length;
      lost = 1;
    }
    queue.push({ bytes: memory.u8.slice(l3Off, l3Off + length), offload, sinceMs });
    this.#bytes += length;
    this.#byHop.set(hop, queue);
    return lost;
  }

  /** All frames of a next hop, which then has none. */
  take(hop: number): readonly HeldFrame[] {
    const queue = this.#byHop.get(hop) ?? [];
    this.#byHop.delete(hop);
    for (const frame of queue) this.#bytes -= frame.bytes.length;
    return queue;
  }

  /** Frames taken from one index go on waiting under another. */
  put(hop: number, frames: readonly HeldFrame[]): void {
    this.#byHop.set(hop, [...(this.#byHop.get(hop) ?? []), ...frames]);
    for (const frame of frames) this.#bytes += frame.bytes.length;
  }

  /** All frames of next hops whose oldest frame waited too long: resolution has failed. */
  expire(nowMs: number): HeldFrame[] {
    const lost: HeldFrame[] = [];
    for (const [hop, queue] of this.#byHop) {
      if (queue.length === 0 || nowMs - (queue[0] as HeldFrame).sinceMs >= HELD_MS) lost.push(...this.take(hop));
    }
    return lost;
  }
}
