/**
 * The kernel's three defences against being flooded (ip_vs_ctl.c, update_defense_level): drop_entry, drop_packet, secure_tcp. Mode 3 is always on,
 * modes 1 and 2 follow memory pressure. What the kernel measures in free pages is the connection table here: it is the memory
 * a flood of the director fills.
 */
import type { SysctlValues } from '../model/sysctl.ts';
import { TCP_STATE, SCTP_STATE } from '../model/conn-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { Connections } from './connections.ts';
import * as at from './connection-layout.ts';
import { TCP_TABLE, TCP_TABLE_SECURE } from './tcp-state.ts';

export const DEFENCE_EVERY_MS = 1000;
/** Part of the table in use that counts as pressure. */
const PRESSURE = 15 / 16;
/** An established entry is spared while its timer started within the last minute. */
const RECENT_MS = 60_000;
/** One in this many entries with so many packets is dropped, by packets 0..8 (todrop_rate). */
const DROP_RATE = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;

export class Defence {
  /** What TCP packets change state by; see secure_tcp. */
  tcpTable = TCP_TABLE;
  #dropRate = 0;
  #dropCounter = 0;
  #dropEntries = false;
  readonly #todrop = new Int32Array(DROP_RATE.length);
  readonly #sysctl: SysctlValues;

  constructor(sysctl: SysctlValues) {
    this.#sysctl = sysctl;
  }

  /** Look at the knobs and the table again; every second, and when a knob changes. */
  update(connections: Connections): void {
    const sysctl = this.#sysctl;
    const pressure = connections.count >= connections.capacity * PRESSURE;
    this.#dropEntries = this.#isActive('drop_entry', pressure);
    this.#dropRate = this.#isActive('drop_packet', pressure) ? sysctl.am_droprate : 0;
    this.tcpTable = this.#isActive('secure_tcp', pressure) ? TCP_TABLE_SECURE : TCP_TABLE;
  }

  #isActive(name: 'drop_entry' | 'drop_packet' | 'secure_tcp', pressure: boolean): boolean {
    const sysctl = this.#sysctl;
    if (sysctl[name] === 1 && pressure) sysctl[name] = 2;
    else if (sysctl[name] === 2 && !pressure) sysctl[name] = 1;
    return sysctl[name] >= 2;
  }

  /** Whether secure_tcp is in force. */
  get secureTcp(): boolean {
    return this.tcpTable === TCP_TABLE_SECURE;
  }

  /** What dropsPacket() will say next. */
  get willDropPacket(): boolean {
    return this.#dropRate !== 0 && this.#dropCounter <= 1;
  }

  /** Whether to drop this new connection (ip_vs_todrop). */
  dropsPacket(): boolean {
    if (this.#dropRate === 0) return false;
    if (--this.#dropCounter > 0) return false;
    this.#dropCounter = this.#dropRate;
    return true;
  }

  /** Drop random half-open and little-used entries, one place in 32 a second (ip_vs_random_dropentry). */
  dropEntries(connections: Connections, random: () => number, nowMs: number): void {
    if (!this.#dropEntries) return;
    const end = connections.highest;
    for (let conn = Math.floor(random() * 32); conn < end; conn += 1 + Math.floor(random() * 63)) {
      if (connections.inUse(conn) && this.#mayDrop(connections, conn, nowMs)) connections.end(conn);
    }
  }

  #mayDrop(connections: Connections, conn: number, nowMs: number): boolean {
    const base = conn * at.CONN_WORDS;
    const state = connections.words[base + at.STATE] as number;
    if ((state & (at.CONN_TEMPLATE | at.CONN_ENDING)) !== 0 || connections.childrenOf(conn) > 0) return false;
    const protocol = (connections.words[base + at.KEY] as number) & 0xff;
    const step = state & at.STATE_MASK;
    if (protocol === IPPROTO.tcp) {
      if (step === TCP_STATE.SYN_RECV || step === TCP_STATE.SYNACK) return true;
      if (step !== TCP_STATE.ESTABLISHED) return false;
    } else if (protocol === IPPROTO.sctp) {
      if (step === SCTP_STATE.INIT1 || step === SCTP_STATE.INIT) return true;
      if (step !== SCTP_STATE.ESTABLISHED) return false;
    }
    return this.#littleUsed(connections, conn, nowMs);
  }

  /** todrop_entry: quiet for a minute, at most eight packets, and its turn. */
  #littleUsed(connections: Connections, conn: number, nowMs: number): boolean {
    const base = conn * at.CONN_WORDS;
    if (connections.quietMs(conn, connections.clock(nowMs)) < RECENT_MS) return false;
    const packets = (connections.words[base + at.PACKETS] as number) >>> 0;
    if (packets >= DROP_RATE.length || DROP_RATE[packets] === 0) return false;
    if (--this.#todrop[packets]! > 0) return false;
    this.#todrop[packets] = DROP_RATE[packets] as number;
    return true;
  }
}
