/**
 * Which of its own addresses the director uses towards a next hop. IPv4 as inet_select_addr: an address of the outgoing interface
 * whose subnet holds the next hop, else the interface's first, else any. IPv6 after RFC 6724 as far as it matters here: same
 * scope first, then the outgoing interface, then the longest common prefix.
 */
import { parseAddress, parsePrefix, swap32 } from '../wire/address.ts';
import type { NetworkState } from '../model/network-state.ts';

interface OwnAddress {
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly mask: Int32Array;
  readonly interfaceIdx: number;
  readonly linkLocal: boolean;
}

export class SourceAddresses {
  readonly #own: OwnAddress[] = [];

  constructor(state: NetworkState) {
    for (const iface of state.interfaces) {
      for (const text of iface.addresses) {
        const address = parseAddress(text.split('/')[0] as string);
        const mask = parsePrefix(text)?.mask;
        if (address === null || mask === undefined) continue;
        this.#own.push({ family: address.family, words: address.words, mask, interfaceIdx: iface.index, linkLocal: isLinkLocal(address.family, address.words[0] as number) });
      }
    }
  }

  /** Raw words of the address, or null when the director has none of this family. */
  select(family: 4 | 6, interfaceIdx: number, towards: ArrayLike<number>): Int32Array | null {
    const linkLocal = isLinkLocal(family, towards[0] as number);
    let best: OwnAddress | null = null;
    let bestScore = -1;
    for (const own of this.#own) {
      if (own.family !== family || isLoopback(family, own.words)) continue;
      const here = own.interfaceIdx === interfaceIdx;
      if (own.linkLocal && !here) continue;
      const score = family === 4
        ? (here ? 2 : 0) + (here && inSubnet(own, towards) ? 1 : 0)
        : (own.linkLocal === linkLocal ? 1000 : 0) + (here ? 500 : 0) + commonPrefix(own.words, towards);
      if (score > bestScore) {
        best = own;
        bestScore = score;
      }
    }
    return best?.words ?? null;
  }
}

function isLinkLocal(family: 4 | 6, w0: number): boolean {
  return family === 4 ? (w0 & 0xffff) === 0xfea9 : (w0 & 0xc0ff) === 0x80fe;
}

function isLoopback(family: 4 | 6, words: ArrayLike<number>): boolean {
  return family === 4 ? ((words[0] as number) & 0xff) === 127 : words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 0x01000000;
}

function inSubnet(own: OwnAddress, words: ArrayLike<number>): boolean {
  return (((own.words[0] as number) ^ (words[0] as number)) & (own.mask[0] as number)) === 0;
}

function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[i] as number) ^ (b[i] as number);
    if (difference !== 0) return i * 32 + Math.clz32(swap32(difference));
  }
  return 128;
}
