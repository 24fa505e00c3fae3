/**
 * One datagram that waits for its fragments (struct ipq, struct frag_queue): what identifies it, which fragments are here, and the header
 * it will have. Owned and reused by Fragments.
 */
import type { Packet } from './packet.ts';

/** ip_frag_ecn_table: fragments of one datagram must agree on ECT, and congestion met by one is met by all. RFC 3168 section 5.3. */
const NOT_ECT = 1;
const ECT_BITS = 2 | 4;
const CE = 8;

/** ECN bits to add to the whole, or -1 when the fragments disagree. `seen`: bit n set when a fragment had ECN value n. */
export function ecnOfFragments(seen: number): number {
  if ((seen & NOT_ECT) !== 0 && seen !== NOT_ECT) return -1;
  return (seen & CE) !== 0 && (seen & ECT_BITS) !== 0 ? 3 : 0;
}

export class Datagram {
  /** Longest header kept: an IPv4 header, or an IPv6 header with its unfragmentable extension headers. */
  static readonly HEADER_MOST = 256;

  family: 4 | 6 = 4;
  interfaceIdx = 0;
  createdMs = 0;
  /** First blocks of the first and last fragment by offset, -1 none. */
  first = -1;
  last = -1;
  /** Payload bytes in all, -1 until the last fragment came. */
  total = -1;
  /** End of the furthest fragment. */
  furthest = 0;
  received = 0;
  count = 0;
  /** IP length of the largest fragment, and of the largest with DF. */
  largest = 0;
  largestWithDf = 0;
  ecnSeen = 0;
  readonly header = new Uint8Array(Datagram.HEADER_MOST + 8);
  headerLength = 0;
  /** IPv6: what follows the fragment header. */
  nextHeader = 0;

  bucket = 0;
  nextInBucket: Datagram | null = null;
  older: Datagram | null = null;
  newer: Datagram | null = null;

  readonly #key = new Int32Array(10);

  begin(p: Packet, id: number, protocol: number, nowMs: number): void {
    this.family = p.family;
    this.interfaceIdx = p.interfaceIdx;
    this.createdMs = nowMs;
    this.first = this.last = this.total = -1;
    this.furthest = this.received = this.count = this.largest = this.largestWithDf = this.ecnSeen = this.headerLength = this.nextHeader = 0;
    this.#key.set([p.s0, p.s1, p.s2, p.s3, p.d0, p.d1, p.d2, p.d3, id, protocol]);
  }

  is(p: Packet, id: number, protocol: number): boolean {
    const k = this.#key;
    return k[8] === id && k[0] === p.s0 && k[4] === p.d0 && k[9] === protocol && this.family === p.family
      && k[1] === p.s1 && k[2] === p.s2 && k[3] === p.s3 && k[5] === p.d1 && k[6] === p.d2 && k[7] === p.d3;
  }

  /** Remember what the whole must know of each fragment. */
  note(p: Packet, headerEnd: number): void {
    const { u8 } = p.memory;
    const length = p.l3End - p.l3Off;
    this.largest = Math.max(this.largest, length);
    if (p.family === 4) {
      if (((u8[p.l3Off + 6] as number) & 0x40) !== 0) this.largestWithDf = Math.max(this.largestWithDf, length);
      this.ecnSeen |= 1 << ((u8[p.l3Off + 1] as number) & 3);
    } else {
      this.ecnSeen |= 1 << (((u8[p.l3Off + 1] as number) >> 4) & 3);
      if (p.fragmentOff === 0) this.nextHeader = u8[headerEnd] as number;
    }
  }

  /** The whole's header; behind it, for the sender's sake, IPv6's fragment header. */
  keepHeader(p: Packet, headerEnd: number): void {
    this.headerLength = headerEnd - p.l3Off;
    this.header.set(p.memory.u8.subarray(p.l3Off, p.family === 6 ? headerEnd + 8 : headerEnd));
  }
}
