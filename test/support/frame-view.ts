/**
 * A second, independent reading of frames for tests: plain and slow, on Buffers, sharing no code with lib/wire, so that an error there
 * cannot hide itself here. Outermost headers only, as the golden files' own reader does.
 */

export interface FrameView {
  readonly dmac: string;
  readonly smac: string;
  readonly etherType: number;
  version?: 4 | 6;
  tos?: number;
  ident?: number;
  /** IPv4 flags and fragment offset word. */
  fragment?: number;
  ttl?: number;
  protocol?: number;
  src?: string;
  dst?: string;
  l4?: Buffer;
  sport?: number;
  dport?: number;
  flags?: number;
  type?: number;
  code?: number;
}

export function viewFrame(frame: Buffer): FrameView {
  const view: FrameView = { dmac: macText(frame.subarray(0, 6)), smac: macText(frame.subarray(6, 12)), etherType: frame.length >= 14 ? frame.readUInt16BE(12) : 0 };
  const p = frame.subarray(14);
  if (view.etherType === 0x0800 && p.length >= 20) {
    const headerLength = (p[0]! & 15) * 4;
    const total = p.readUInt16BE(2);
    Object.assign(view, {
      version: 4, tos: p[1], ident: p.readUInt16BE(4), fragment: p.readUInt16BE(6), ttl: p[8], protocol: p[9],
      src: addressText(p.subarray(12, 16)), dst: addressText(p.subarray(16, 20)), l4: p.subarray(headerLength, total),
    });
    if (view.fragment! & 0x1fff) return view;
  } else if (view.etherType === 0x86dd && p.length >= 40) {
    Object.assign(view, { version: 6, tos: (p.readUInt16BE(0) >> 4) & 0xff, ttl: p[7], protocol: p[6], src: addressText(p.subarray(8, 24)), dst: addressText(p.subarray(24, 40)), l4: p.subarray(40) });
  } else {
    return view;
  }
  const l4 = view.l4!;
  if ([6, 17, 132].includes(view.protocol!) && l4.length >= 4) {
    view.sport = l4.readUInt16BE(0);
    view.dport = l4.readUInt16BE(2);
  }
  if (view.protocol === 6 && l4.length >= 14) view.flags = l4[13]!;
  if ((view.protocol === 1 || view.protocol === 58) && l4.length >= 2) {
    view.type = l4[0]!;
    view.code = l4[1]!;
  }
  return view;
}

export function macText(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join(':');
}

/** RFC 5952 text of 4 or 16 bytes. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > bestLength) { best = i; bestLength = n; }
  }
  const hex = (part: number[]): string => part.map((g) => g.toString(16)).join(':');
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + bestLength))}`;
}

/** 4 or 16 bytes of an address text (no zone, no embedded IPv4). */
export function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => parseInt(g, 16)));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const all = tail === undefined ? front : [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  const out = Buffer.alloc(16);
  all.forEach((w, i) => out.writeUInt16BE(w, i * 2));
  return out;
}

/** Internet checksum (RFC 1071) of the bytes, as the number to store; 0 over bytes that hold a right one. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** Checksum of an L4 segment with its pseudo-header; 0 over a segment that holds a right one. */
export function transportChecksum(src: Uint8Array, dst: Uint8Array, protocol: number, segment: Uint8Array): number {
  const pseudo = Buffer.alloc(src.length === 16 ? 8 : 4);
  if (src.length === 16) {
    pseudo.writeUInt32BE(segment.length, 0);
    pseudo[7] = protocol;
  } else {
    pseudo[1] = protocol;
    pseudo.writeUInt16BE(segment.length & 0xffff, 2);
  }
  return internetChecksum(Buffer.concat([src, dst, pseudo, segment]));
}

/** CRC-32C bit by bit (RFC 9260 appendix A). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
