/**
 * Messages of the connection synchronisation protocol (net/netfilter/ipvs/ip_vs_sync.c): how a master tells a backup of its connections.
 * Version 1, header 8 bytes, then records at multiples of 4, everything in network order:
 *
 *   0  reserved 0 | syncid | size 16 | count | version 1 | spare 16
 *   record: type | protocol | version<<12 | length 16 | flags 32 | state 16 | cport vport dport 16 each | fwmark 32 | timeout 32 (s) |
 *           caddr vaddr daddr (4 or 16 bytes each) | options: type, length, value
 *
 * Version 0, header 4 bytes (count, syncid, size 16), records of 24 bytes, IPv4 only, no timeout.
 * Not hot: a connection is sent every fiftieth packet.
 */

/** Connection flags as both ends know them (include/uapi/linux/ip_vs.h). */
export const SYNC_FLAG = {
  methodMask: 7, masq: 0, local: 1, tunnel: 2, route: 3, bypass: 4, synced: 0x20, noOutput: 0x80, inactive: 0x100, sequenceMask: 0x600, noClientPort: 0x800, template: 0x1000,
} as const;

/** What a backup takes over of the flags (IP_VS_CONN_F_BACKUP_MASK). */
const BACKUP_MASK = 0x7 | 0x80 | 0x100 | 0x600 | 0x800 | 0x1000;

export interface SyncRecord {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly flags: number;
  readonly state: number;
  readonly clientPort: number;
  readonly virtualPort: number;
  readonly destinationPort: number;
  readonly fwmark: number;
  /** 0 in version 0: the state's own timeout. */
  readonly timeoutSec: number;
  /** 4 or 16 bytes each. */
  readonly client: Uint8Array;
  readonly virtual: Uint8Array;
  readonly destination: Uint8Array;
  readonly pe: string | null;
  readonly peData: Uint8Array | null;
}

const HEADER_BYTES = [4, 8] as const;
const RECORD0_BYTES = 24;
const RECORD_BYTES = { 4: 36, 6: 72 } as const;
const TYPE_IPV6 = 1;
const OPTION = { sequence: 1, peData: 2, peName: 3, optional: 0x80 } as const;
/** Both ends of the sequence number corrections of FTP: read over, never sent. */
const SEQUENCE_BYTES = 24;
const MAX_ENGINE_NAME_BYTES = 16;
const MAX_ENGINE_DATA_BYTES = 255;

/** Collects records into one message until it is full. */
export class SyncMessageWriter {
  readonly #version: 0 | 1;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #end: number;
  #count = 0;

  constructor(version: 0 | 1, syncId: number, maxBytes: number) {
    this.#version = version;
    this.#bytes = new Uint8Array(maxBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#end = HEADER_BYTES[version];
    this.#bytes[1] = syncId;
    if (version === 1) this.#bytes[5] = 1;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** False when there is no room; the message is then to be sent and the record to go into a new one. */
  add(record: SyncRecord): boolean {
    const start = this.#version === 1 ? (this.#end + 3) & ~3 : this.#end;
    const length = this.#version === 1 ? recordBytes(record) : RECORD0_BYTES;
    if (start + length > this.#bytes.length) return false;
    if (this.#version === 1) this.#write(record, start, length);
    else this.#write0(record, start);
    this.#end = start + length;
    this.#count++;
    return true;
  }

  finish(): Uint8Array {
    this.#bytes[this.#version === 1 ? 4 : 0] = this.#count;
    this.#view.setUint16(2, this.#end);
    return this.#bytes.slice(0, this.#end);
  }

  #write(record: SyncRecord, start: number, length: number): void {
    const view = this.#view;
    this.#bytes[start] = record.family === 6 ? TYPE_IPV6 : 0;
    this.#bytes[start + 1] = record.protocol;
    view.setUint16(start + 2, length);
    view.setUint32(start + 4, record.flags);
    view.setUint16(start + 8, record.state);
    view.setUint16(start + 10, record.clientPort);
    view.setUint16(start + 12, record.virtualPort);
    view.setUint16(start + 14, record.destinationPort);
    view.setUint32(start + 16, record.fwmark);
    view.setUint32(start + 20, record.timeoutSec);
    let at = start + 24;
    for (const address of [record.client, record.virtual, record.destination]) {
      this.#bytes.set(address, at);
      at += address.length;
    }
    if (record.peData) at = this.#option(OPTION.peData, record.peData, at);
    if (record.pe !== null) this.#option(OPTION.peName, Buffer.from(record.pe, 'latin1'), at);
  }

  #option(type: number, value: Uint8Array, at: number): number {
    this.#bytes[at] = type;
    this.#bytes[at + 1] = value.length;
    this.#bytes.set(value, at + 2);
    return at + 2 + value.length;
  }

  #write0(record: SyncRecord, start: number): void {
    const view = this.#view;
    this.#bytes[start + 1] = record.protocol;
    view.setUint16(start + 2, record.clientPort);
    view.setUint16(start + 4, record.virtualPort);
    view.setUint16(start + 6, record.destinationPort);
    this.#bytes.set(record.client, start + 8);
    this.#bytes.set(record.virtual, start + 12);
    this.#bytes.set(record.destination, start + 16);
    view.setUint16(start + 20, record.flags & 0xffff);
    view.setUint16(start + 22, record.state);
  }
}

/** Bytes of one record in version 1. */
function recordBytes(record: SyncRecord): number {
  return RECORD_BYTES[record.family] + (record.peData ? record.peData.length + 2 : 0) + (record.pe === null ? 0 : record.pe.length + 2);
}

/**
 * The records of a message that a backup with this syncid accepts (0 accepts all). A message that is damaged as a whole gives none; one that breaks off
 * gives those before the break, as the kernel does (ip_vs_process_message).
 */
export function readSyncMessage(message: Uint8Array, syncId: number): SyncRecord[] {
  if (message.length < HEADER_BYTES[0]) return [];
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (view.getUint16(2) !== message.length) return [];
  if (syncId !== 0 && message[1] !== syncId) return [];
  const isVersion1 = message.length >= HEADER_BYTES[1] && message[5] === 1 && message[0] === 0 && view.getUint16(6) === 0;
  return isVersion1 ? readRecords(view) : readRecords0(view);
}

function readRecords(view: DataView): SyncRecord[] {
  const records: SyncRecord[] = [];
  let at: number = HEADER_BYTES[1];
  for (let left = view.getUint8(4); left > 0; left--) {
    if (at + RECORD_BYTES[4] > view.byteLength) break;
    const versionAndLength = view.getUint16(at + 2);
    const length = versionAndLength & 0xfff;
    if (at + length > view.byteLength || versionAndLength >> 12 !== 0) break;
    const record = readRecord(view, at, at + length);
    if (record === null) break;
    records.push(record);
    at += (length + 3) & ~3;
  }
  return records;
}

function readRecord(view: DataView, start: number, end: number): SyncRecord | null {
  const type = view.getUint8(start);
  if (type & ~TYPE_IPV6) return null;
  const family = type & TYPE_IPV6 ? 6 : 4;
  const size = family === 6 ? 16 : 4;
  let at = start + RECORD_BYTES[family];
  if (at > end) return null;
  let pe: string | null = null;
  let peData: Uint8Array | null = null;
  while (at < end) {
    if (at + 2 > end) return null;
    const option = view.getUint8(at);
    const length = view.getUint8(at + 1);
    if (length === 0 || at + 2 + length > end) return null;
    const value = bytesOf(view, at + 2, length);
    switch (option & ~OPTION.optional) {
      case OPTION.sequence: if (length !== SEQUENCE_BYTES) return null; break;
      case OPTION.peData: if (peData || length > MAX_ENGINE_DATA_BYTES) return null; peData = value; break;
      case OPTION.peName: if (pe !== null || length > MAX_ENGINE_NAME_BYTES) return null; pe = Buffer.from(value).toString('latin1'); break;
      default: if (!(option & OPTION.optional)) return null;
    }
    at += 2 + length;
  }
  const addresses = start + 24;
  return {
    family, protocol: view.getUint8(start + 1), flags: view.getUint32(start + 4) & BACKUP_MASK, state: view.getUint16(start + 8),
    clientPort: view.getUint16(start + 10), virtualPort: view.getUint16(start + 12), destinationPort: view.getUint16(start + 14), fwmark: view.getUint32(start + 16),
    timeoutSec: view.getUint32(start + 20), client: bytesOf(view, addresses, size), virtual: bytesOf(view, addresses + size, size),
    destination: bytesOf(view, addresses + 2 * size, size), pe, peData,
  };
}

function readRecords0(view: DataView): SyncRecord[] {
  const records: SyncRecord[] = [];
  let at: number = HEADER_BYTES[0];
  for (let left = view.getUint8(0); left > 0 && at + RECORD0_BYTES <= view.byteLength; left--) {
    const flags = view.getUint16(at + 20) & BACKUP_MASK;
    records.push({
      family: 4, protocol: view.getUint8(at + 1), flags, state: view.getUint16(at + 22), clientPort: view.getUint16(at + 2), virtualPort: view.getUint16(at + 4),
      destinationPort: view.getUint16(at + 6), fwmark: 0, timeoutSec: 0, client: bytesOf(view, at + 8, 4), virtual: bytesOf(view, at + 12, 4),
      destination: bytesOf(view, at + 16, 4), pe: null, peData: null,
    });
    at += RECORD0_BYTES + (flags & SYNC_FLAG.sequenceMask ? SEQUENCE_BYTES : 0);
  }
  return records;
}

function bytesOf(view: DataView, off: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + off, length).slice();
}
