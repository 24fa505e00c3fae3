/**
 * Keeps the director from being an amplifier: the kernel's two limits on ICMP errors (net.ipv4.icmp_msgs_per_sec with
 * icmp_msgs_burst, and icmp_ratelimit per target, inet_peer_xrlim_allow). Too-big messages are never limited, path MTU discovery
 * depends on them. Targets share 4096 slots by hash, so the memory is fixed; two targets in one slot share its tokens.
 */

const MESSAGES_PER_SEC = 1000;
const MESSAGES_BURST = 50;
const SLOTS = 4096;
/** XRLIM_BURST_FACTOR: errors one target may get in a row. */
const TARGET_BURST = 6;

export class IcmpLimit {
  readonly #perTargetMs: number;
  readonly #tokensMs = new Float64Array(SLOTS).fill(-1);
  readonly #seenMs = new Float64Array(SLOTS);
  #messages = MESSAGES_BURST;
  #refilledMs = 0;

  /** perTargetMs: net.ipv4.icmp_ratelimit, 1000 by default. */
  constructor(perTargetMs = 1000) {
    this.#perTargetMs = perTargetMs;
  }

  /** Take one token for an error to this address (raw words). */
  allow(w0: number, w1: number, w2: number, w3: number, nowMs: number): boolean {
    this.#messages = Math.min(MESSAGES_BURST, this.#messages + ((nowMs - this.#refilledMs) * MESSAGES_PER_SEC) / 1000);
    this.#refilledMs = nowMs;
    if (this.#messages < 1) return false;
    const slot = (Math.imul(w0 ^ Math.imul(w1, 31) ^ Math.imul(w2, 17) ^ Math.imul(w3, 7), 0x61c88647) >>> 20) & (SLOTS - 1);
    const most = TARGET_BURST * this.#perTargetMs;
    const before = this.#tokensMs[slot] as number;
    const tokens = before < 0 ? most : Math.min(most, before + nowMs - (this.#seenMs[slot] as number));
    this.#seenMs[slot] = nowMs;
    if (tokens < this.#perTargetMs) {
      this.#tokensMs[slot] = tokens;
      return false;
    }
    this.#tokensMs[slot] = tokens - this.#perTargetMs;
    this.#messages -= 1;
    return true;
  }
}
