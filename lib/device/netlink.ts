/**
 * Netlink messages: building, sending, dumping, walking (RFC 3549; netlink(7)). Numbers are in host byte order, everything is padded to 4.
 *
 *   nlmsghdr (16): length u32 | type u16 | flags u16 | seq u32 | pid u32
 *   attribute (4): length u16 | type u16 | value
 */
import {
  bind, closeFd, EAGAIN, ENOBUFS, MSG_DONTWAIT, receive, send, setsockopt, sockaddrNl, socket, SystemCallError,
} from '../../native-shims/index.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
const NLM_F_DUMP_INTR = 0x10;
const HEADER = 16;
const BUFFER_BYTES = 256 * 1024;
const TIMEOUT_SEC = 5;

/** One received message: its type and body (the structure of that type, then attributes). Only valid during the callback. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: DataView;
}

export type NetlinkListener = (message: NetlinkMessage) => void;

/** A socket for requests and answers; used from one thread, blocking (the kernel answers at once). */
export class NetlinkSocket {
  readonly fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #seq = 1;

  /** With groups it receives those notifications and is for drain() only. */
  constructor(protocol: number, groups = 0, receiveBytes = 0) {
    this.fd = socket(AF_NETLINK, SOCK_RAW, protocol);
    try {
      if (receiveBytes > 0) growReceiveBuffer(this.fd, receiveBytes);
      setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(BigInt(TIMEOUT_SEC), 0n).buffer));
      bind(this.fd, sockaddrNl(groups));
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
  }

  /** Ask for everything of a kind. */
  dump(type: number, body: Uint8Array, listener: NetlinkListener): void {
    // The table may change under a dump; the kernel says so, and then it is read again.
    for (let attempt = 0; attempt < 5; attempt++) {
      const collected: NetlinkMessage[] = [];
      if (this.#exchange(type, NLM_F_REQUEST | NLM_F_DUMP, body, (message) => collected.push(copied(message)))) {
        collected.forEach(listener);
        return;
      }
    }
    throw new SystemCallError(`netlink dump ${type}`, EAGAIN);
  }

  /** Send one request and wait for its acknowledgement; errors throw. */
  request(type: number, flags: number, body: Uint8Array, listener: NetlinkListener = () => {}): void {
    this.#exchange(type, flags | NLM_F_REQUEST | NLM_F_ACK, body, listener);
  }

  /** Hand over every waiting notification. False when some were lost: read everything again. */
  drain(listener: NetlinkListener): boolean {
    for (let complete = true; ; ) {
      const length = receive(this.fd, this.#buffer, null, MSG_DONTWAIT);
      if (length === -ENOBUFS) complete = false;
      else if (length === -EAGAIN) return complete;
      else if (length < 0) throw new SystemCallError('netlink', -length);
      else walk(this.#buffer, length, (type, _flags, _seq, body) => listener({ type, body }));
    }
  }

  close(): void {
    closeFd(this.fd);
  }

  /** False when the dump was interrupted by a change. */
  #exchange(type: number, flags: number, body: Uint8Array, listener: NetlinkListener): boolean {
    const seq = this.#seq++;
    const sent = send(this.fd, message(type, flags, seq, body));
    if (sent < 0) throw new SystemCallError('netlink', -sent);
    let consistent = true;
    let failure = 0;
    for (let done = false; !done; ) {
      const length = this.#receive();
      walk(this.#buffer, length, (gotType, gotFlags, gotSeq, gotBody) => {
        if (gotSeq !== seq) return;
        if (gotFlags & NLM_F_DUMP_INTR) consistent = false;
        if (gotType === NLMSG_DONE) done = true;
        else if (gotType === NLMSG_ERROR) {
          done = true;
          failure = -gotBody.getInt32(0, true);
        } else listener({ type: gotType, body: gotBody });
      });
    }
    if (failure !== 0) throw new SystemCallError('netlink', failure);
    return consistent;
  }

  #receive(): number {
    const length = receive(this.fd, this.#buffer);
    if (length < 0) throw new SystemCallError('netlink', -length);
    return length;
  }
}

/** Attributes from `offset` to the end of `body`. The type comes without its nested and byte-order bits. */
export function eachAttribute(body: DataView, offset: number, visit: (type: number, value: DataView) => void): void {
  for (let at = offset; at + 4 <= body.byteLength; ) {
    const length = body.getUint16(at, true);
    if (length < 4 || at + length > body.byteLength) return;
    visit(body.getUint16(at + 2, true) & 0x3fff, new DataView(body.buffer, body.byteOffset + at + 4, length - 4));
    at += (length + 3) & ~3;
  }
}

export function attribute(type: number, ...values: readonly Uint8Array[]): Uint8Array {
  const value = Buffer.concat(values);
  const bytes = new Uint8Array(4 + ((value.length + 3) & ~3));
  new DataView(bytes.buffer).setUint16(0, 4 + value.length, true);
  new DataView(bytes.buffer).setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

/** A zero-terminated string attribute. */
export function stringOf(value: DataView): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8').replace(/\0.*/s, '');
}

function message(type: number, flags: number, seq: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + ((body.length + 3) & ~3));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, HEADER + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, seq, true);
  bytes.set(body, HEADER);
  return bytes;
}

function walk(buffer: Uint8Array, length: number, visit: (type: number, flags: number, seq: number, body: DataView) => void): void {
  const view = new DataView(buffer.buffer, buffer.byteOffset, length);
  for (let at = 0; at + HEADER <= length; ) {
    const size = view.getUint32(at, true);
    if (size < HEADER || at + size > length) return;
    const body = new DataView(buffer.buffer, buffer.byteOffset + at + HEADER, size - HEADER);
    visit(view.getUint16(at + 4, true), view.getUint16(at + 6, true), view.getUint32(at + 8, true), body);
    at += (size + 3) & ~3;
  }
}

function copied(message: NetlinkMessage): NetlinkMessage {
  const { buffer, byteOffset, byteLength } = message.body;
  return { type: message.type, body: new DataView(buffer.slice(byteOffset, byteOffset + byteLength)) };
}

function growReceiveBuffer(fd: number, bytes: number): void {
  try {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
  } catch {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  }
}
