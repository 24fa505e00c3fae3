/**
 * Reading capture files: classic pcap (either byte order, micro- or nanoseconds) here, pcapng in pcapng.ts. A file that ends in the
 * middle of a packet is refused with one line that says which packet.
 */
import { checkLinkType, damaged, LONGEST_FRAME, MAGIC_MICROSECONDS, MAGIC_NANOSECONDS, type Capture, type CapturedFrame } from './capture.ts';
import { readPcapng } from './pcapng.ts';

const GLOBAL_HEADER = 24;
const RECORD_HEADER = 16;
const MAGIC_PCAPNG = 0x0a0d0d0a;

/** `name` is for messages. */
export function readCapture(bytes: Uint8Array, name: string): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < GLOBAL_HEADER) throw damaged(name, `${bytes.length} bytes are not a capture file`);
  if (view.getUint32(0) === MAGIC_PCAPNG) return readPcapng(bytes, name);
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS) return readPcap(bytes, view, littleEndian, magic === MAGIC_NANOSECONDS ? 1 : 1000, name);
  }
  throw damaged(name, 'neither pcap nor pcapng');
}

function readPcap(bytes: Uint8Array, view: DataView, littleEndian: boolean, nanosecondsPerUnit: number, name: string): Capture {
  checkLinkType(view.getUint32(20, littleEndian) & 0xffff, name);
  const frames: CapturedFrame[] = [];
  for (let at = GLOBAL_HEADER; at < bytes.length;) {
    const number = frames.length + 1;
    if (at + RECORD_HEADER > bytes.length) throw damaged(name, `packet ${number} is cut short: the file ends within its header`);
    const len = view.getUint32(at + 8, littleEndian);
    if (len > LONGEST_FRAME) throw damaged(name, `packet ${number} claims ${len} bytes: the file is damaged there`);
    const off = at + RECORD_HEADER;
    if (off + len > bytes.length) throw damaged(name, `packet ${number} is cut short: ${bytes.length - off} of its ${len} bytes are there`);
    frames.push({
      seconds: view.getUint32(at, littleEndian), nanoseconds: view.getUint32(at + 4, littleEndian) * nanosecondsPerUnit,
      off, len, originalLength: view.getUint32(at + 12, littleEndian), interface: 0,
    });
    at = off + len;
  }
  return { bytes, frames, interfaces: [''] };
}
