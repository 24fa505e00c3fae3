/**
 * Reading pcapng (draft-ietf-opsawg-pcapng): section header, interface description, enhanced and simple packet blocks; all other
 * blocks are skipped. Several sections may follow each other, each in its own byte order.
 */
import { checkLinkType, damaged, LONGEST_FRAME, type Capture, type CapturedFrame } from './capture.ts';

const BLOCK = { section: 0x0a0d0d0a, interface: 1, simplePacket: 3, enhancedPacket: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const SHORTEST_BLOCK = 12;

interface Described { readonly index: number; readonly unitsPerSecond: bigint; readonly snapLength: number }

export function readPcapng(bytes: Uint8Array, name: string): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: CapturedFrame[] = [];
  const interfaces: string[] = [];
  let section: Described[] = [];
  let littleEndian = true;
  for (let at = 0; at < bytes.length;) {
    const number = frames.length + 1;
    if (at + SHORTEST_BLOCK > bytes.length) throw damaged(name, `packet ${number} is cut short: the file ends within a block header`);
    const type = view.getUint32(at, littleEndian);
    if (type === BLOCK.section) littleEndian = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    const length = view.getUint32(at + 4, littleEndian);
    if (length < SHORTEST_BLOCK || length % 4 !== 0) throw damaged(name, `block before packet ${number} claims ${length} bytes: the file is damaged there`);
    if (at + length > bytes.length) throw damaged(name, `packet ${number} is cut short: ${bytes.length - at} of its block's ${length} bytes are there`);
    const body = at + 8;
    const end = at + length - 4;
    if (type === BLOCK.section) section = [];
    else if (type === BLOCK.interface) {
      if (end - body < 8) throw damaged(name, `interface description before packet ${number} is too short`);
      checkLinkType(view.getUint16(body, littleEndian), name);
      const options = readOptions(view, body + 8, end, littleEndian);
      section.push({ index: interfaces.length, unitsPerSecond: resolution(options.get(OPTION_RESOLUTION)?.[0]), snapLength: view.getUint32(body + 4, littleEndian) });
      interfaces.push(new TextDecoder().decode(options.get(OPTION_NAME) ?? new Uint8Array(0)));
    } else if (type === BLOCK.enhancedPacket || type === BLOCK.simplePacket) {
      frames.push(readPacket(view, type, body, end, littleEndian, section, name, number));
    }
    at += length;
  }
  return { bytes, frames, interfaces: interfaces.length === 0 ? [''] : interfaces };
}

function readPacket(view: DataView, type: number, body: number, end: number, littleEndian: boolean, section: readonly Described[], name: string, number: number): CapturedFrame {
  const simple = type === BLOCK.simplePacket;
  const header = simple ? 4 : 20;
  if (end - body < header) throw damaged(name, `packet ${number} has no room for its header`);
  const described = section[simple ? 0 : view.getUint32(body, littleEndian)];
  if (described === undefined) throw damaged(name, `packet ${number} belongs to an interface that is not described`);
  const originalLength = view.getUint32(body + header - 4, littleEndian);
  const len = simple ? Math.min(originalLength, described.snapLength || LONGEST_FRAME) : view.getUint32(body + 12, littleEndian);
  if (len > end - body - header) throw damaged(name, `packet ${number} claims ${len} bytes, its block holds ${end - body - header}`);
  // Simple packets carry no time.
  const units = simple ? 0n : (BigInt(view.getUint32(body + 4, littleEndian)) << 32n) | BigInt(view.getUint32(body + 8, littleEndian));
  return {
    seconds: Number(units / described.unitsPerSecond),
    nanoseconds: Number(((units % described.unitsPerSecond) * 1_000_000_000n) / described.unitsPerSecond),
    off: body + header, len, originalLength, interface: described.index,
  };
}

/** Option code -> value. */
function readOptions(view: DataView, from: number, end: number, littleEndian: boolean): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = from; at + 4 <= end;) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === 0 || at + 4 + length > end) break;
    options.set(code, new Uint8Array(view.buffer, view.byteOffset + at + 4, length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

/** if_tsresol: a power of ten, or of two with the top bit set; microseconds by default. */
function resolution(option: number | undefined): bigint {
  if (option === undefined) return 1_000_000n;
  return (option & 0x80) !== 0 ? 1n << BigInt(option & 0x7f) : 10n ** BigInt(option);
}
