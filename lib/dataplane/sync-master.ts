/**
 * The master's end of connection synchronisation (ip_vs_sync.c): which connection is told to the backups, when, in which message. A connection is sent
 * when its packets from the client come to `sync_threshold` of every `sync_period`, when it changes into a state that ends it, and after its
 * controlling template. Records gather in one message, which leaves when it is full or two seconds old.
 */
import { SCTP_STATE, TCP_STATE } from '../model/conn-state.ts';
import type { SyncDaemon } from '../model/control-command.ts';
import { IPPROTO } from '../model/protocol.ts';
import { swap16 } from '../wire/address.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import { SYNC_FLAG, SyncMessageWriter, type SyncRecord } from './sync-message.ts';

/** IPVS_SYNC_FLUSH_TIME: a message as old as this leaves as it is, at the next look (IPVS_SYNC_CHECK_PERIOD). */
const FLUSH_MS = 2000;
const LOOK_EVERY_MS = 1000;
/** The kernel's clock in these decisions: one jiffy of 250 a second, two low bits count repetitions. */
const JIFFY_MS = 4;
const RETRY_BITS = 3;
const SHORTEST_DIFFERENCE = 10 * 250;

const TCP_STATES = bits(TCP_STATE.ESTABLISHED, TCP_STATE.FIN_WAIT, TCP_STATE.CLOSE, TCP_STATE.CLOSE_WAIT, TCP_STATE.TIME_WAIT);
const SCTP_STATES = bits(SCTP_STATE.ESTABLISHED, SCTP_STATE.SHUTDOWN_SENT, SCTP_STATE.SHUTDOWN_RECEIVED, SCTP_STATE.SHUTDOWN_ACK_SENT, SCTP_STATE.CLOSED);

export interface SyncMasterOptions {
  readonly daemon: SyncDaemon;
  /** A message is ready to be multicast. */
  send(message: Uint8Array): unknown;
}

export class SyncMaster {
  readonly #core: CoreContext;
  readonly #options: SyncMasterOptions;
  /** State a connection was last sent in, and the deadline that was sent (sync_endtime, in jiffies). */
  readonly #sentState: Uint8Array;
  readonly #sentEnd: Float64Array;
  #writer: SyncMessageWriter | null = null;
  #writerVersion: 0 | 1 = 1;
  #writerSinceMs = 0;
  #nextLookMs: number;

  constructor(core: CoreContext, options: SyncMasterOptions) {
    this.#core = core;
    this.#options = options;
    this.#sentState = new Uint8Array(core.connections.capacity);
    this.#sentEnd = new Float64Array(core.connections.capacity);
    this.#nextLookMs = core.nowMs + LOOK_EVERY_MS;
  }

  get daemon(): SyncDaemon {
    return this.#options.daemon;
  }

  /** A packet from the client went through this connection (its PACKETS word counts it already). */
  packet(conn: number): void {
    this.#tell(conn, this.#core.connections.words[conn * at.CONN_WORDS + at.PACKETS]! >>> 0);
  }

  /** A connection that others hang on expired and was kept. */
  rearmed(conn: number): void {
    this.#tell(conn, this.#core.sysctl.sync_threshold);
  }

  /** The connection's state is known to others: it came from another master. */
  remember(conn: number): void {
    this.#sentState[conn] = this.#core.connections.words[conn * at.CONN_WORDS + at.STATE]! & at.STATE_MASK;
  }

  /** The connection ended; its number may be used again. */
  forget(conn: number): void {
    this.#sentState[conn] = 0;
    this.#sentEnd[conn] = 0;
  }

  /** Send what has waited long enough; ms until it wants to be called again. */
  advance(nowMs: number): number {
    while (this.#nextLookMs <= nowMs) {
      if (this.#writer !== null && this.#nextLookMs - this.#writerSinceMs >= FLUSH_MS) this.#flush();
      this.#nextLookMs += LOOK_EVERY_MS;
    }
    return this.#writer === null ? Infinity : this.#nextLookMs - nowMs;
  }

  #tell(conn: number, packets: number): void {
    const { connections, sysctl } = this.#core;
    for (let c = conn; c >= 0;) {
      const state = connections.words[c * at.CONN_WORDS + at.STATE] as number;
      const version = sysctl.sync_version === 0 ? 0 : 1;
      const onePacket = (state & at.CONN_ONE_PACKET) !== 0;
      const toldAtAll = version === 1 || this.#isIpv4(c);
      const told = !onePacket && toldAtAll && this.#needed(c, packets);
      // NB: version 0 passes on to the template only from a connection that was sent.
      if (told) this.#add(this.#record(c), version);
      else if (version === 0) return;
      c = connections.controlOf(c);
      if (c < 0) return;
      const control = c * at.CONN_WORDS;
      packets = (connections.words[control + at.STATE]! & at.CONN_TEMPLATE) !== 0 ? ++connections.words[control + at.PACKETS]! >>> 0 : sysctl.sync_threshold;
    }
  }

  /** ip_vs_sync_conn_needed. */
  #needed(conn: number, packets: number): boolean {
    const { connections, sysctl, nowMs } = this.#core;
    const base = conn * at.CONN_WORDS;
    const flags = connections.words[base + at.STATE] as number;
    const state = flags & at.STATE_MASK;
    const protocol = connections.words[base + at.KEY]! & 0xff;
    const timeout = (connections.words[base + at.TIMEOUT]! >>> 0) / JIFFY_MS;
    const now = Math.floor(nowMs / JIFFY_MS);
    const template = (flags & at.CONN_TEMPLATE) !== 0;
    const before = this.#sentEnd[conn] as number;
    let end = Math.floor((now + timeout) / (RETRY_BITS + 1)) * (RETRY_BITS + 1);
    if (!template) {
      if (sysctl.sync_persist_mode !== 0 && connections.controlOf(conn) >= 0) return false;
      const states = protocol === IPPROTO.tcp ? TCP_STATES : protocol === IPPROTO.sctp ? SCTP_STATES : 0;
      if (states !== 0) {
        if ((states & (1 << state)) === 0) return false;
        const established = protocol === IPPROTO.tcp ? TCP_STATE.ESTABLISHED : SCTP_STATE.ESTABLISHED;
        if (state !== this.#sentState[conn] && state !== established) return this.#sent(conn, state, end);
      }
    }
    const refresh = sysctl.sync_refresh_period * 250;
    if (refresh > 0) {
      const least = Math.min(refresh, Math.max(timeout / 2, SHORTEST_DIFFERENCE));
      if (Math.abs(end - before) < least) {
        const retries = before % (RETRY_BITS + 1);
        if (retries >= sysctl.sync_retries || now < before - timeout + Math.floor(refresh / 8)) return false;
        end += retries + 1;
      }
    }
    if (sysctl.sync_period > 0) {
      if (!template && packets % sysctl.sync_period !== sysctl.sync_threshold) return false;
    } else if (refresh === 0 && packets !== sysctl.sync_threshold) {
      return false;
    }
    return this.#sent(conn, state, end);
  }

  #sent(conn: number, state: number, end: number): boolean {
    this.#sentState[conn] = state;
    this.#sentEnd[conn] = end;
    return true;
  }

  #isIpv4(conn: number): boolean {
    return (this.#core.connections.words[conn * at.CONN_WORDS + at.KEY]! & at.KEY_IPV6) === 0;
  }

  #record(conn: number): SyncRecord {
    const { connections, services } = this.#core;
    const { words, cold, addresses } = connections;
    const base = conn * at.CONN_WORDS;
    const state = words[base + at.STATE] as number;
    const ports = words[base + at.PORTS] as number;
    const family = this.#isIpv4(conn) ? 4 : 6;
    const engine = connections.engineTemplates.of(conn);
    return {
      family, protocol: words[base + at.KEY]! & 0xff, state: state & at.STATE_MASK,
      flags: ((state & at.METHOD_MASK) >> at.METHOD_SHIFT) | (state & at.CONN_NO_OUTPUT ? SYNC_FLAG.noOutput : 0) | (state & at.CONN_INACTIVE ? SYNC_FLAG.inactive : 0)
        | (state & at.CONN_TEMPLATE ? SYNC_FLAG.template : 0) | (state & at.CONN_NO_CLIENT_PORT ? SYNC_FLAG.noClientPort : 0) | (state & at.CONN_SYNCED ? SYNC_FLAG.synced : 0),
      clientPort: swap16(ports & 0xffff), virtualPort: swap16(ports >>> 16), destinationPort: swap16((words[base + at.NEW_PORTS] as number) >>> 16),
      fwmark: services.destinations[words[base + at.DESTINATION] as number]?.service.fwmark ?? 0, timeoutSec: Math.floor((words[base + at.TIMEOUT]! >>> 0) / 1000),
      client: family === 4 ? bytesOf(words, base + at.SOURCE, 1) : bytesOf(addresses, conn * at.ADDRESS_WORDS, 4),
      virtual: family === 4 ? bytesOf(words, base + at.TARGET, 1) : bytesOf(addresses, conn * at.ADDRESS_WORDS + 4, 4),
      destination: bytesOf(cold, conn * at.COLD_WORDS + at.DESTINATION_ADDRESS, family === 4 ? 1 : 4),
      pe: engine?.engine ?? null, peData: engine === null ? null : Buffer.from(engine.data, 'latin1'),
    };
  }

  #add(record: SyncRecord, version: 0 | 1): void {
    if (this.#writer !== null) {
      if (this.#writerVersion === version && this.#writer.add(record)) return;
      this.#flush();
      this.#nextLookMs = this.#core.nowMs + LOOK_EVERY_MS;
    }
    const { syncId, maxLength } = this.#options.daemon;
    this.#writer = new SyncMessageWriter(version, syncId, maxLength);
    this.#writerVersion = version;
    this.#writerSinceMs = this.#core.nowMs;
    this.#writer.add(record);
  }

  #flush(): void {
    const writer = this.#writer;
    this.#writer = null;
    if (writer !== null) this.#options.send(writer.finish());
  }
}

function bits(...states: number[]): number {
  return states.reduce((mask, state) => mask | (1 << state), 0);
}

function bytesOf(words: Int32Array, begin: number, count: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + begin * 4, count * 4).slice();
}
