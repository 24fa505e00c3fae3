/**
 * Whether the guard keeps a frame from the host's stack: guard-program.ts in TypeScript, for the data-plane thread, which must give
 * such a frame back when it turns out not to be ours. Kept step by step parallel to the program; a test compares them on random frames.
 */
import type { ParsedPrefix } from '../wire/address.ts';
import type { FrameMemory } from '../wire/frame.ts';
import type { TableEdit } from '../model/table-edit.ts';
import {
  BALANCED_PROTOCOLS, GuardPolicy, prefixKey, REAL_ADDRESS, REAL_SERVER, SERVICE, VIP, type GuardEntry, type GuardRule,
} from './guard-policy.ts';
import { fragmentRules } from './guard-program.ts';

const EXTENSION_HEADERS = 6;
/** Destination unreachable, source quench, time exceeded, parameter problem (RFC 792). */
const ICMPV4_ERRORS: readonly number[] = [3, 4, 11, 12];

export class GuardPredicate {
  readonly #entries = new Map<number, GuardEntry[]>();
  readonly #own = new Map<string, ParsedPrefix>();
  readonly #policy: GuardPolicy;
  /** Removed from the policy, still taken until narrow(): the eBPF guard covers them as long. */
  #leaving: GuardEntry[] = [];
  #rulesStale = false;
  #ownList: readonly ParsedPrefix[] = [];
  #rules: readonly GuardRule[] = [];
  #fragmentRules: readonly GuardRule[] = [];
  /** Names by NetworkInterface.index. */
  #names: readonly string[] = [];

  /** The tuple of the frame being looked at. */
  readonly #source = new Int32Array(4);
  readonly #destination = new Int32Array(4);
  readonly #outer = new Int32Array(4);
  #protocol = 0;
  #sourcePort = 0;
  #destinationPort = 0;

  constructor() {
    this.#policy = new GuardPolicy({
      entryAdded: (entry) => this.#added(entry),
      entryRemoved: (entry) => this.#leaving.push(entry),
      ownAdded: (prefix) => { this.#own.set(prefixKey(prefix), prefix); this.#ownList = [...this.#own.values()]; },
      ownRemoved: (prefix) => { this.#own.delete(prefixKey(prefix)); this.#ownList = [...this.#own.values()]; },
      rulesChanged: (wider) => {
        if (wider) this.#rulesChanged();
        else this.#rulesStale = true;
      },
    });
  }

  /** Follow the data plane's edits. */
  apply(edit: TableEdit): void {
    this.#policy.apply(edit);
  }

  /** Take away what removals left covered. */
  narrow(): void {
    for (const entry of this.#leaving) if (!this.#policy.has(entry)) this.#removed(entry);
    this.#leaving = [];
    if (this.#rulesStale) this.#rulesChanged();
  }

  /** `wasFragmented`: the frame is a datagram put together from fragments; the guard saw those. */
  takes(interfaceIdx: number, memory: FrameMemory, off: number, len: number, wasFragmented = false): boolean {
    // Fast path: nothing configured.
    if (this.#entries.size === 0 && this.#rules.length === 0) return false;
    const { u8 } = memory;
    const end = off + len;
    const l3 = off + 14;
    if (l3 + 20 > end) return false;
    const type = (u8[off + 12]! << 8) | u8[off + 13]!;
    if (type === 0x0800) return this.#ipv4(interfaceIdx, memory, l3, end, wasFragmented);
    return type === 0x86dd && this.#ipv6(interfaceIdx, memory, l3, end, wasFragmented);
  }

  #ipv4(interfaceIdx: number, { u8 }: FrameMemory, l3: number, end: number, wasFragmented: boolean): boolean {
    const headerLength = (u8[l3]! & 15) * 4;
    if (u8[l3]! >> 4 !== 4 || headerLength < 20) return false;
    const l4 = l3 + headerLength;
    this.#protocol = u8[l3 + 9]!;
    read4(u8, l3 + 12, this.#source);
    read4(u8, l3 + 16, this.#destination);
    read4(u8, l3 + 16, this.#outer);
    if (wasFragmented || ((u8[l3 + 6]! & 0x3f) | u8[l3 + 7]!) !== 0) return this.#takesFragment(4, interfaceIdx);
    if (this.#protocol !== 1) return this.#ports(u8, l4, end, false) && this.#classify(4, interfaceIdx);
    if (l4 + 28 > end || !ICMPV4_ERRORS.includes(u8[l4]!)) return false;
    const inner = l4 + 8;
    const innerLength = (u8[inner]! & 15) * 4;
    if (u8[inner]! >> 4 !== 4 || innerLength < 20 || ((u8[inner + 6]! & 0x1f) | u8[inner + 7]!) !== 0) return false;
    this.#protocol = u8[inner + 9]!;
    read4(u8, inner + 16, this.#source);
    read4(u8, inner + 12, this.#destination);
    return this.#ports(u8, inner + innerLength, end, true) && this.#classify(4, interfaceIdx);
  }

  #ipv6(interfaceIdx: number, { u8 }: FrameMemory, l3: number, end: number, wasFragmented: boolean): boolean {
    if (l3 + 40 > end || u8[l3]! >> 4 !== 6) return false;
    read16(u8, l3 + 8, this.#source);
    read16(u8, l3 + 24, this.#destination);
    read16(u8, l3 + 24, this.#outer);
    this.#protocol = u8[l3 + 6]!;
    let l4 = l3 + 40;
    for (let i = 0; i < EXTENSION_HEADERS; i++) {
      const header = this.#protocol;
      if (header === 44) {
        if (l4 + 4 > end) return false;
        this.#protocol = u8[l4]!;
        if ((u8[l4 + 2]! | (u8[l4 + 3]! & 0xf9)) !== 0) return this.#takesFragment(6, interfaceIdx);
        l4 += 8;
      } else if (header === 0 || header === 43 || header === 60 || header === 51) {
        if (l4 + 2 > end) return false;
        this.#protocol = u8[l4]!;
        l4 += header === 51 ? (u8[l4 + 1]! + 2) * 4 : (u8[l4 + 1]! + 1) * 8;
      } else break;
    }
    if (wasFragmented) return this.#takesFragment(6, interfaceIdx);
    if (this.#protocol !== 58) return this.#ports(u8, l4, end, false) && this.#classify(6, interfaceIdx);
    if (l4 + 48 > end || u8[l4] === 0 || u8[l4]! > 4) return false;
    const inner = l4 + 8;
    if (u8[inner]! >> 4 !== 6) return false;
    this.#protocol = u8[inner + 6]!;
    read16(u8, inner + 24, this.#source);
    read16(u8, inner + 8, this.#destination);
    return this.#ports(u8, inner + 40, end, true) && this.#classify(6, interfaceIdx);
  }

  /** False where there are none. */
  #ports(u8: Uint8Array, l4: number, end: number, isQuoted: boolean): boolean {
    if (!isBalanced(this.#protocol) || l4 + 4 > end) return false;
    const first = (u8[l4]! << 8) | u8[l4 + 1]!;
    const second = (u8[l4 + 2]! << 8) | u8[l4 + 3]!;
    this.#sourcePort = isQuoted ? second : first;
    this.#destinationPort = isQuoted ? first : second;
    return true;
  }

  #classify(family: 4 | 6, interfaceIdx: number): boolean {
    if (this.#selected(family, interfaceIdx, this.#rules)) return true;
    if (this.#has(SERVICE, family, this.#destination, this.#destinationPort) || this.#has(SERVICE, family, this.#destination, 0)) return true;
    const isAnswer = this.#has(REAL_SERVER, family, this.#source, this.#sourcePort) || this.#has(REAL_SERVER, family, this.#source, 0);
    return isAnswer && !this.#isOwn(family, this.#outer);
  }

  #takesFragment(family: 4 | 6, interfaceIdx: number): boolean {
    if (!isBalanced(this.#protocol)) return false;
    if (this.#selected(family, interfaceIdx, this.#fragmentRules)) return true;
    if (this.#has(VIP, family, this.#destination, 0)) return true;
    return this.#has(REAL_ADDRESS, family, this.#source, 0) && !this.#isOwn(family, this.#outer);
  }

  /** Whether the first matching rule's mark has a service. */
  #selected(family: 4 | 6, interfaceIdx: number, rules: readonly GuardRule[]): boolean {
    for (const rule of rules) {
      if (rule.family !== null && rule.family !== family) continue;
      if (rule.interface !== null && rule.interface !== this.#names[interfaceIdx]) continue;
      if (rule.protocol !== null && rule.protocol !== this.#protocol) continue;
      if (rule.source !== null && !matches(rule.source, family, this.#source)) continue;
      if (rule.destination !== null && !matches(rule.destination, family, this.#destination)) continue;
      if (rule.sourcePorts !== null && (this.#sourcePort < rule.sourcePorts[0] || this.#sourcePort > rule.sourcePorts[1])) continue;
      if (rule.destinationPorts !== null && (this.#destinationPort < rule.destinationPorts[0] || this.#destinationPort > rule.destinationPorts[1])) continue;
      return family === 4 ? rule.selects4 : rule.selects6;
    }
    return false;
  }

  #isOwn(family: 4 | 6, words: Int32Array): boolean {
    for (const prefix of this.#ownList) if (matches(prefix, family, words)) return true;
    return false;
  }

  #has(kind: number, family: 4 | 6, words: Int32Array, port: number): boolean {
    const bucket = this.#entries.get(hashOf(kind, family, words, port, this.#protocol));
    if (bucket === undefined) return false;
    for (const entry of bucket) {
      if (entry.kind === kind && entry.family === family && entry.port === port && entry.protocol === this.#protocol && equal(entry.words, words)) return true;
    }
    return false;
  }

  #added(entry: GuardEntry): void {
    const bucket = this.#bucket(entry);
    if (!bucket.some((other) => other.key === entry.key)) bucket.push(entry);
  }

  #bucket(entry: GuardEntry): GuardEntry[] {
    const hash = hashOf(entry.kind, entry.family, entry.words, entry.port, entry.protocol);
    let bucket = this.#entries.get(hash);
    if (bucket === undefined) this.#entries.set(hash, (bucket = []));
    return bucket;
  }

  #removed(entry: GuardEntry): void {
    const bucket = this.#bucket(entry);
    const at = bucket.findIndex((other) => other.key === entry.key);
    if (at >= 0) bucket.splice(at, 1);
    if (bucket.length === 0) this.#entries.delete(hashOf(entry.kind, entry.family, entry.words, entry.port, entry.protocol));
  }

  #rulesChanged(): void {
    this.#rulesStale = false;
    this.#rules = this.#policy.rules;
    this.#fragmentRules = fragmentRules(this.#rules);
    this.#names = (this.#policy.network?.interfaces ?? []).map(({ name }) => name);
  }
}

function isBalanced(protocol: number): boolean {
  return protocol === BALANCED_PROTOCOLS[0] || protocol === BALANCED_PROTOCOLS[1] || protocol === BALANCED_PROTOCOLS[2];
}

function hashOf(kind: number, family: number, words: Int32Array, port: number, protocol: number): number {
  let hash = Math.imul(words[0]! ^ ((port << 16) | (protocol << 8) | kind | family), 0x9e3779b1);
  if (family === 6) hash = Math.imul(hash ^ words[1]! ^ Math.imul(words[2]!, 0x85ebca6b) ^ Math.imul(words[3]!, 0xc2b2ae35), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) | 0;
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

function matches(prefix: ParsedPrefix, family: 4 | 6, words: Int32Array): boolean {
  if (prefix.family !== family) return false;
  for (let i = 0; i * 32 < prefix.length; i++) if ((words[i]! & prefix.mask[i]!) !== prefix.words[i]) return false;
  return true;
}

/** NB: byte by byte, because inner headers behind IPv4 options or in datagrams of others may lie anywhere. */
function word(u8: Uint8Array, at: number): number {
  return u8[at]! | (u8[at + 1]! << 8) | (u8[at + 2]! << 16) | (u8[at + 3]! << 24);
}

function read4(u8: Uint8Array, at: number, out: Int32Array): void {
  out[0] = word(u8, at);
  out[1] = out[2] = out[3] = 0;
}

function read16(u8: Uint8Array, at: number, out: Int32Array): void {
  for (let i = 0; i < 4; i++) out[i] = word(u8, at + i * 4);
}
