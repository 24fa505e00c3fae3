/**
 * A recording under way: remembers when each connection of its services came, and makes a FlowRecord of it when it ends. Records wait for their reader in
 * a bounded queue; when that is full they are lost and counted, and no packet waits. Arrivals lie in arrays by connection, so a connection costs
 * no object before its end.
 */
import type { FlowBatch, RecordingRequest } from '../model/flow-recording.ts';
import type { FlowRecord } from '../model/flow-record.ts';
import { serviceKey } from '../model/virtual-service.ts';
import { formatAddress, swap16 } from '../wire/address.ts';
import { connectionRecord } from './connection-records.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { Flow } from './flow.ts';
import type { FlowObserver } from './flow-observer.ts';
import type { ServiceEntry } from './service-entry.ts';

/** Records that may wait for their reader. */
const MOST_WAITING = 32_768;
/** Records, or connections looked at, in one answer. */
const BATCH_RECORDS = 1024, BATCH_LOOKED_AT = 8192;

export class FlowRecorder implements FlowObserver {
  readonly #core: CoreContext;
  readonly #startMs: number;
  readonly #services: ReadonlyMap<string, number>;
  /** By connection: ms since the start + 1, 0 = not recorded; and its service's position. */
  readonly #arrivals: Float64Array;
  readonly #serviceOf: Uint16Array;
  #waiting: FlowRecord[] = [];
  #left: number;
  #lost = 0;
  /** Where the last look through the table stands, once the recording is being ended; -1 before. */
  #cursor = -1;

  constructor(core: CoreContext, { services, limit }: RecordingRequest) {
    this.#core = core;
    this.#startMs = core.nowMs;
    this.#services = new Map(services.map((id, position) => [serviceKey(id), position]));
    this.#arrivals = new Float64Array(core.connections.capacity);
    this.#serviceOf = new Uint16Array(core.connections.capacity);
    this.#left = limit ?? Infinity;
  }

  scheduled(service: ServiceEntry, flow: Flow, conn: number): void {
    const position = this.#services.get(service.key);
    if (position === undefined || this.#cursor >= 0) return;
    const arrivalMs = this.#core.nowMs - this.#startMs;
    if (conn >= 0) {
      this.#arrivals[conn] = arrivalMs + 1;
      this.#serviceOf[conn] = position;
      return;
    }
    this.#put({
      arrivalMs: rounded(arrivalMs), service: position, client: formatAddress(flow.family, flow.c0, flow.c1, flow.c2, flow.c3), port: swap16(flow.clientPort), durationMs: 0,
      packetsIn: 1, packetsOut: 0, bytesIn: 0, bytesOut: 0, destination: null, state: 'REFUSED',
    });
  }

  ended(conn: number): void {
    if (this.#arrivals[conn] !== 0) this.#put(this.#take(conn, false));
  }

  adopted(): void {}
  activity(): void {}
  edited(): void {}
  housekeep(): void {}

  /** What waits, a batch at most. `finish`: record nothing new, and then what is still open. */
  read(finish: boolean): FlowBatch {
    if (finish && this.#cursor < 0) this.#cursor = 0;
    if (this.#cursor >= 0) this.#lookThrough();
    const records = this.#waiting.splice(0, BATCH_RECORDS);
    const over = this.#cursor >= this.#core.connections.highest && this.#waiting.length === 0;
    return { records, lost: this.#lost, over: this.#cursor >= 0 && over, more: this.#waiting.length > 0, full: this.#left <= 0, elapsedMs: rounded(this.#core.nowMs - this.#startMs) };
  }

  #lookThrough(): void {
    const end = Math.min(this.#cursor + BATCH_LOOKED_AT, this.#core.connections.highest);
    while (this.#cursor < end && this.#waiting.length < BATCH_RECORDS) {
      const conn = this.#cursor++;
      if (this.#arrivals[conn] !== 0) this.#put(this.#take(conn, true));
    }
  }

  #take(conn: number, open: boolean): FlowRecord {
    const { connections } = this.#core;
    const { words } = connections;
    const base = conn * at.CONN_WORDS;
    const out = base + at.ENTRY_WORDS;
    const arrivalMs = (this.#arrivals[conn] as number) - 1;
    this.#arrivals[conn] = 0;
    const { client, clientPort, destination, destinationPort, state } = connectionRecord(connections, conn, this.#core.nowMs);
    const durationMs = ((words[base + at.LAST_SEEN] as number) - connections.clock(this.#startMs + arrivalMs)) | 0;
    return {
      arrivalMs: rounded(arrivalMs), service: this.#serviceOf[conn] as number, client, port: clientPort, durationMs: Math.max(0, durationMs),
      packetsIn: (words[base + at.PACKETS] as number) >>> 0, packetsOut: (words[out + at.PACKETS] as number) >>> 0,
      bytesIn: (words[base + at.BYTES] as number) >>> 0, bytesOut: (words[out + at.BYTES] as number) >>> 0,
      destination: (words[base + at.DESTINATION] as number) < 0 ? null : destination.includes(':') ? `[${destination}]:${destinationPort}` : `${destination}:${destinationPort}`,
      state, ...(open ? { open } : {}),
    };
  }

  #put(record: FlowRecord): void {
    if (this.#left <= 0 || this.#waiting.length >= MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#left--;
    this.#waiting.push(record);
  }
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
