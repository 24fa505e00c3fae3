/**
 * Cutting a datagram into fragments on its way out, as ip_do_fragment and ip6_fragment do: a datagram that was reassembled goes in the
 * pieces it came in if they fit the MTU, any other in pieces of the MTU rounded down to 8 bytes. Pieces are written to
 * scratch memory; the callback gets one at a time.
 */
import { checksumOf } from '../wire/checksum.ts';
import { swap16 } from '../wire/address.ts';
import type { FrameMemory } from '../wire/frame.ts';
import type { FragmentSizes } from './fragment-sizes.ts';
import { copyBytes, type ScratchRing } from './scratch-ring.ts';

const IPV6_MIN_MTU = 1280;
const FRAGMENT_HEADER = 8;
const IPPROTO_FRAGMENT = 44;

/** Gets each fragment: an IP packet in scratch memory. */
export type FragmentOut = (l3Off: number, l3End: number) => void;

/** Cut an IPv4 datagram. `sizes` is null unless it was reassembled; then `reassembledMax` is its largest fragment's IP length. */
export function fragmentIpv4(memory: FrameMemory, l3Off: number, l3End: number, mtu: number, reassembledMax: number, sizes: FragmentSizes | null, scratch: ScratchRing, out: FragmentOut): boolean {
  const { u8, u16 } = memory;
  const headerLength = ((u8[l3Off] as number) & 15) << 2;
  const limit = reassembledMax > 0 && reassembledMax < mtu ? reassembledMax : mtu;
  const most = (limit - headerLength) & ~7;
  const total = l3End - l3Off - headerLength;
  if (most < 8 || headerLength < 20 || total <= 0) return false;
  const flags = swap16(u16[(l3Off + 6) >> 1] as number);
  const kept = sizes !== null && sizes.fits(total, mtu - headerLength) ? sizes : null;
  const startUnits = flags & 0x1fff;
  let done = 0;
  for (let i = 0; done < total; i++) {
    const left = total - done;
    const length = kept !== null ? (kept.payload[i] as number) : left > limit - headerLength ? most : left;
    const off = scratch.take(headerLength + length);
    const to = scratch.memory;
    copyBytes(memory, l3Off, to, off, headerLength);
    copyBytes(memory, l3Off + headerLength + done, to, off + headerLength, length);
    if (done > 0) keepCopiedOptions(to, off, headerLength);
    to.u16[(off + 2) >> 1] = swap16(headerLength + length);
    const more = done + length < total || (flags & 0x2000) !== 0;
    to.u16[(off + 6) >> 1] = swap16((flags & 0x4000) | (more ? 0x2000 : 0) | (startUnits + (done >> 3)));
    to.u16[(off + 10) >> 1] = 0;
    to.u16[(off + 10) >> 1] = checksumOf(to, off, headerLength, 0);
    done += length;
    out(off, off + headerLength + length);
  }
  return true;
}

/** Cut an IPv6 packet with the given identification (raw). */
export function fragmentIpv6(memory: FrameMemory, l3Off: number, l3End: number, mtu: number, reassembledMax: number, sizes: FragmentSizes | null, identification: number, scratch: ScratchRing, out: FragmentOut): boolean {
  const nextHeaderOff = unfragmentableEnd(memory, l3Off, l3End);
  const headerLength = unfragmentableLength(memory, l3Off, nextHeaderOff);
  const limit = (reassembledMax > 0 && reassembledMax < mtu ? Math.max(reassembledMax, IPV6_MIN_MTU) : mtu) - headerLength - FRAGMENT_HEADER;
  const total = l3End - l3Off - headerLength;
  if (limit < 8 || total <= 0) return false;
  const kept = sizes !== null && sizes.fits(total, limit) ? sizes : null;
  const nextHeader = memory.u8[nextHeaderOff] as number;
  let done = 0;
  for (let i = 0; done < total; i++) {
    const left = total - done;
    const length = kept !== null ? (kept.payload[i] as number) : left > limit ? limit & ~7 : left;
    const off = scratch.take(headerLength + FRAGMENT_HEADER + length);
    const to = scratch.memory;
    copyBytes(memory, l3Off, to, off, headerLength);
    copyBytes(memory, l3Off + headerLength + done, to, off + headerLength + FRAGMENT_HEADER, length);
    to.u8[off + nextHeaderOff - l3Off] = IPPROTO_FRAGMENT;
    to.u16[(off + 4) >> 1] = swap16(headerLength + FRAGMENT_HEADER + length - 40);
    const header = off + headerLength;
    to.u8[header] = nextHeader;
    to.u8[header + 1] = 0;
    to.u16[(header + 2) >> 1] = swap16(done | (done + length < total ? 1 : 0));
    to.i32[(header + 4) >> 2] = identification;
    done += length;
    out(off, off + headerLength + FRAGMENT_HEADER + length);
  }
  return true;
}

/** ip_options_fragment: in all but the first fragment, options without the copied bit become no-operation. */
function keepCopiedOptions(memory: FrameMemory, off: number, headerLength: number): void {
  const { u8 } = memory;
  const end = off + headerLength;
  for (let at = off + 20; at < end; ) {
    const kind = u8[at] as number;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? (u8[at + 1] as number) : 0;
    if (length < 2 || at + length > end) return;
    if ((kind & 0x80) === 0) u8.fill(1, at, at + length);
    at += length;
  }
}

/** ip6_find_1stfragopt: offset of the next-header byte that will name the fragment header. */
function unfragmentableEnd(memory: FrameMemory, l3Off: number, l3End: number): number {
  const { u8 } = memory;
  let nextHeaderOff = l3Off + 6;
  let at = l3Off + 40;
  let routing = false;
  for (let i = 0; i < 16; i++) {
    const next = u8[nextHeaderOff] as number;
    if ((next !== 0 && next !== 43 && next !== 60) || (next === 60 && routing) || at + 8 > l3End) return nextHeaderOff;
    const end = at + (((u8[at + 1] as number) + 1) << 3);
    if (end > l3End) return nextHeaderOff;
    if (next === 43) routing = true;
    nextHeaderOff = at;
    at = end;
  }
  return nextHeaderOff;
}

function unfragmentableLength(memory: FrameMemory, l3Off: number, nextHeaderOff: number): number {
  if (nextHeaderOff === l3Off + 6) return 40;
  return nextHeaderOff - l3Off + (((memory.u8[nextHeaderOff + 1] as number) + 1) << 3);
}
