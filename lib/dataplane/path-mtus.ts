/**
 * Path MTUs learnt from "fragmentation needed" about our own tunnel packets: the kernel's next-hop exceptions (update_or_create_fnhe).
 * They live ten minutes and are bounded in number; the oldest goes first. A report can only lower the MTU, and not below 552.
 */

const LIFETIME_MS = 600_000;
/** ip_rt_min_pmtu. */
const SMALLEST = 552;
const SMALLEST_IPV6 = 1280;
const MOST = 1024;

interface Learnt {
  mtu: number;
  untilMs: number;
  /** Whether a route lookup has found it: before that, cached routes still show the old MTU. */
  found: boolean;
}

export class PathMtus {
  readonly #byAddress = new Map<string, Learnt>();

  /** Nothing is known. */
  get none(): boolean {
    return this.#byAddress.size === 0;
  }

  /** Learn; `base` is the MTU of the route itself. Returns the MTU that cached routes have right after. */
  learn(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, mtu: number, base: number, nowMs: number): number {
    const key = keyOf(family, w0, w1, w2, w3);
    const known = this.#byAddress.get(key);
    const before = known?.mtu ?? base;
    const lowered = Math.max(mtu, Math.min(before, family === 4 ? SMALLEST : SMALLEST_IPV6));
    if (lowered > before) return known?.found === true ? before : base;
    if (known !== undefined) {
      known.mtu = lowered;
      known.untilMs = nowMs + LIFETIME_MS;
      return known.found ? lowered : base;
    }
    if (this.#byAddress.size >= MOST) this.#byAddress.delete(this.#byAddress.keys().next().value as string);
    this.#byAddress.set(key, { mtu: lowered, untilMs: nowMs + LIFETIME_MS, found: false });
    return base;
  }

  /** The learnt MTU towards an address, 65535 if none. */
  lookup(family: 4 | 6, words: ArrayLike<number>): number {
    if (this.#byAddress.size === 0) return 65535;
    const key = keyOf(family, words[0] as number, words[1] as number, words[2] as number, words[3] as number);
    const known = this.#byAddress.get(key);
    if (known === undefined) return 65535;
    known.found = true;
    return known.mtu;
  }

  /** Forget what is too old; true if anything was. */
  expire(nowMs: number): boolean {
    if (this.#byAddress.size === 0) return false;
    let any = false;
    for (const [key, learnt] of this.#byAddress) {
      if (nowMs < learnt.untilMs) continue;
      this.#byAddress.delete(key);
      any = true;
    }
    return any;
  }
}

function keyOf(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): string {
  return `${family} ${w0} ${w1} ${w2} ${w3}`;
}
