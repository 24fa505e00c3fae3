/**
 * FTP through NAT (ip_vs_ftp): a control connection names the addresses of its data connections, so those are made ahead, and what a server says about
 * itself is rewritten to the virtual address. A rewritten line can be longer or shorter, therefore sequence numbers of the server, and
 * acknowledgements of the client, are shifted from there on (nf_ct_seqadj). Runs only on packets of NAT connections to port 21.
 *
 *   PASV, EPSV   server's reply rewritten; data connection client:? -> VIP:port, its client port filled in by the first packet
 *   PORT, EPRT   data connection client:port -> VIP:20, which the server begins
 */
import { swap16 } from '../wire/address.ts';
import { pseudoSum, sumBytes } from '../wire/checksum.ts';
import { ETHERNET_LENGTH } from '../wire/ethernet.ts';
import { OFFLOAD_GSO_SIZE, OFFLOAD_PARTIAL } from '../wire/frame.ts';
import { IPV4_SOURCE, writeHeaderChecksum } from '../wire/ipv4.ts';
import { IPV6_SOURCE } from '../wire/ipv6.ts';
import { ACK, headerLength, TCP_CHECKSUM } from '../wire/tcp.ts';
import { DROP } from '../model/drop-reason.ts';
import { TCP_STATE } from '../model/conn-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { Flow } from './flow.ts';
import { activeCommand, passiveCommand, passiveReply, passiveText, type DataAddress, type PassiveCommand } from './ftp-commands.ts';
import type { Packet } from './packet.ts';
import { copyBytes } from './scratch-ring.ts';
import { completeChecksum } from './segment.ts';

const SEQUENCE = 4, ACKNOWLEDGEMENT = 8;
const OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5;

/** A control connection: what the client asked for last, and how far the server's sequence numbers are shifted. */
interface Control {
  command: PassiveCommand | null;
  /** Sequence number behind which `shiftAfter` holds; `shiftBefore` up to it. */
  shiftFrom: number;
  shiftBefore: number;
  shiftAfter: number;
}

export class FtpHelper {
  readonly #controls = new Map<number, Control>();
  readonly #flow = new Flow();

  /** A packet of control connection `conn` from the client. False: dropped, the reason counted. */
  toServer(p: Packet, conn: number, core: CoreContext): boolean {
    if (!checked(p, core)) return false;
    const text = this.#establishedText(p, conn, core);
    if (text !== '') {
      const command = passiveCommand(text, p.family);
      const active = command === null ? activeCommand(text, p.family) : null;
      if (command !== null) this.#controlOf(conn).command = command;
      else if (active !== null && !this.#expectActive(p, conn, active, core)) return false;
    }
    const control = this.#controls.get(conn);
    if (control !== undefined && (p.tcpFlags & ACK) !== 0 && (control.shiftBefore | control.shiftAfter) !== 0) {
      shiftAcknowledged(p, control);
      writeTcpChecksum(p);
    }
    return true;
  }

  /** A packet of control connection `conn` from the real server. False: dropped, the reason counted. */
  toClient(p: Packet, conn: number, core: CoreContext): boolean {
    if (!checked(p, core)) return false;
    const control = this.#controls.get(conn);
    if (control === undefined) return true;
    const text = this.#establishedText(p, conn, core);
    const data = text !== '' && control.command !== null ? passiveReply(text, control.command, p.family) : null;
    const sequence = readWord(p, SEQUENCE);
    if (data !== null && control.command !== null) {
      const replacement = this.#expectPassive(p, conn, data, control.command, core);
      if (replacement === null) return false;
      control.command = null;
      const grown = replacement.length - (data.end - data.begin);
      if (grown !== 0) {
        control.shiftFrom = sequence;
        control.shiftBefore = control.shiftAfter;
        control.shiftAfter += grown;
      }
      replaceText(p, core, data, replacement);
    }
    const shift = isAfter(sequence, control.shiftFrom) ? control.shiftAfter : control.shiftBefore;
    if (shift !== 0) writeWord(p, SEQUENCE, sequence + shift);
    if (shift !== 0 || data !== null) writeTcpChecksum(p);
    return true;
  }

  forget(conn: number): void {
    this.#controls.delete(conn);
  }

  #controlOf(conn: number): Control {
    let control = this.#controls.get(conn);
    if (control === undefined) this.#controls.set(conn, control = { command: null, shiftFrom: 0, shiftBefore: 0, shiftAfter: 0 });
    return control;
  }

  /** The segment's data as text, once the connection is established. */
  #establishedText(p: Packet, conn: number, core: CoreContext): string {
    const state = core.connections.words[conn * at.CONN_WORDS + at.STATE]! & at.STATE_MASK;
    const begin = p.l4Off + headerLength(p.memory, p.l4Off);
    if (state !== TCP_STATE.ESTABLISHED || begin >= p.l3End || (p.offload & OFFLOAD_GSO_SIZE) !== 0) return '';
    return String.fromCharCode(...p.memory.u8.subarray(begin, p.l3End));
  }

  /** Make the data connection that the server waits for; what the client shall read instead. Null: the table is full. */
  #expectPassive(p: Packet, conn: number, data: DataAddress, command: PassiveCommand, core: CoreContext): string | null {
    const { connections } = core;
    const flow = this.#flowOf(p, conn, core);
    const rawPort = swap16(data.port);
    const from = data.words ?? Int32Array.of(p.s0, p.s1, p.s2, p.s3);
    flow.virtualPort = rawPort;
    flow.clientPort = 0;
    const known = connections.find(p.family, IPPROTO.tcp, flow.c0, flow.c1, flow.c2, flow.c3, flow.v0, flow.v1, flow.v2, flow.v3, rawPort << 16);
    const child = known >= 0 ? known >> 1 : this.#child(conn, flow, from, rawPort, at.CONN_NO_CLIENT_PORT, core);
    if (child < 0) return null;
    listen(child, core);
    return passiveText(command, flow.v0, data.port);
  }

  /** Make the data connection that the server will begin from its port 20. False: the table is full. */
  #expectActive(p: Packet, conn: number, data: DataAddress, core: CoreContext): boolean {
    const { connections } = core;
    const { words } = connections;
    const base = conn * at.CONN_WORDS;
    const flow = this.#flowOf(p, conn, core);
    const to = data.words as Int32Array;
    this.#controlOf(conn).command = null;
    [flow.c0, flow.c1, flow.c2, flow.c3] = to as unknown as [number, number, number, number];
    flow.clientPort = swap16(data.port);
    flow.virtualPort = swap16(swap16(words[base + at.PORTS]! >>> 16) - 1);
    const known = connections.find(p.family, IPPROTO.tcp, flow.c0, flow.c1, flow.c2, flow.c3, flow.v0, flow.v1, flow.v2, flow.v3, flow.clientPort | (flow.virtualPort << 16));
    const real = conn * at.COLD_WORDS + at.DESTINATION_ADDRESS;
    const child = known >= 0 ? known >> 1
      : this.#child(conn, flow, connections.cold.slice(real, real + 4), swap16(swap16(words[base + at.NEW_PORTS]! >>> 16) - 1), 0, core);
    if (child < 0) return false;
    listen(child, core);
    return true;
  }

  /** Client and virtual address of the control connection. */
  #flowOf(p: Packet, conn: number, core: CoreContext): Flow {
    const { words, addresses } = core.connections;
    const flow = this.#flow;
    const own = conn * at.ADDRESS_WORDS;
    flow.family = p.family;
    flow.protocol = IPPROTO.tcp;
    flow.c1 = flow.c2 = flow.c3 = flow.v1 = flow.v2 = flow.v3 = 0;
    if (p.family === 4) {
      flow.c0 = words[conn * at.CONN_WORDS + at.SOURCE]!;
      flow.v0 = words[conn * at.CONN_WORDS + at.TARGET]!;
    } else {
      flow.c0 = addresses[own]!; flow.c1 = addresses[own + 1]!; flow.c2 = addresses[own + 2]!; flow.c3 = addresses[own + 3]!;
      flow.v0 = addresses[own + 4]!; flow.v1 = addresses[own + 5]!; flow.v2 = addresses[own + 6]!; flow.v3 = addresses[own + 7]!;
    }
    return flow;
  }

  /** A data connection to the control connection's destination, or to another address it named. */
  #child(conn: number, flow: Flow, real: Int32Array, rawPort: number, flags: number, core: CoreContext): number {
    const { connections, services } = core;
    const destination = services.destinations[connections.words[conn * at.CONN_WORDS + at.DESTINATION]!] as DestinationEntry | undefined;
    if (destination === undefined) return -1;
    const { slot, family } = destination;
    const bound = (template: boolean, inactive: boolean): void => destination.bound(template, inactive);
    const child = connections.create(flow, { slot, family, raw: real, method: 'masq', bound }, rawPort, flags, core.nowMs);
    if (child < 0) core.drops[DROP.tableFull]!++;
    else {
      connections.setControl(child, conn);
      core.observer?.adopted(child);
    }
    return child;
  }
}

/** Wait for the other side (ip_vs_tcp_conn_listen). */
function listen(conn: number, core: CoreContext): void {
  const { words } = core.connections;
  const where = conn * at.CONN_WORDS + at.STATE;
  words[where] = (words[where]! & ~at.STATE_MASK) | TCP_STATE.LISTEN;
  core.connections.setTimeout(conn, core.timeouts.tcp[TCP_STATE.LISTEN]!, core.nowMs);
}

/** Damaged segments are dropped before anything is read from them (tcp_csum_check). */
function checked(p: Packet, core: CoreContext): boolean {
  if ((p.offload & OFFLOAD_GSO_SIZE) !== 0) return true;
  if ((p.offload & OFFLOAD_PARTIAL) !== 0) p.offload = completeChecksum(p.memory, p.l3Off, p.l3End, p.offload);
  if (sumBytes(p.memory, p.l4Off, p.l3End - p.l4Off, pseudo(p)) === 0xffff) return true;
  core.drops[DROP.badChecksum]!++;
  return false;
}

/** Put `text` where `data` stands. The packet moves to scratch memory, where it can grow. */
function replaceText(p: Packet, core: CoreContext, data: DataAddress, text: string): void {
  const { memory } = core.network.scratch;
  const headers = p.l4Off + headerLength(p.memory, p.l4Off) - p.l3Off;
  const length = p.l3End - p.l3Off + text.length - (data.end - data.begin);
  const l3Off = core.network.scratch.take(length);
  const textOff = headers + data.begin;
  copyBytes(p.memory, p.off, memory, l3Off - ETHERNET_LENGTH, ETHERNET_LENGTH);
  copyBytes(p.memory, p.l3Off, memory, l3Off, textOff);
  for (let i = 0; i < text.length; i++) memory.u8[l3Off + textOff + i] = text.charCodeAt(i);
  copyBytes(p.memory, p.l3Off + headers + data.end, memory, l3Off + textOff + text.length, length - textOff - text.length);
  p.l4Off += l3Off - p.l3Off;
  p.memory = memory;
  p.l3Off = l3Off;
  p.off = l3Off - ETHERNET_LENGTH;
  p.l3End = l3Off + length;
  p.len = length + ETHERNET_LENGTH;
  if (p.family === 4) {
    memory.u16[(l3Off + 2) >> 1] = swap16(length);
    writeHeaderChecksum(memory, l3Off);
  } else {
    memory.u16[(l3Off + 4) >> 1] = swap16(length - 40);
  }
}

/** The client acknowledges, and selectively acknowledges, what it saw: shifted numbers. */
function shiftAcknowledged(p: Packet, control: Control): void {
  const shifted = (number: number): number => number - (isAfter(number - control.shiftBefore, control.shiftFrom) ? control.shiftAfter : control.shiftBefore);
  writeWord(p, ACKNOWLEDGEMENT, shifted(readWord(p, ACKNOWLEDGEMENT)));
  const { u8 } = p.memory;
  const end = Math.min(p.l4Off + headerLength(p.memory, p.l4Off), p.l3End);
  for (let option = p.l4Off + 20; option < end && u8[option] !== OPTION_END;) {
    if (u8[option] === OPTION_NOP) {
      option++;
      continue;
    }
    const length = u8[option + 1]!;
    if (length < 2 || option + length > end) return;
    for (let edge = 2; u8[option] === OPTION_SACK && edge + 4 <= length; edge += 4) {
      const off = option - p.l4Off + edge;
      writeWord(p, off, shifted(readWord(p, off)));
    }
    option += length;
  }
}

function isAfter(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

function readWord(p: Packet, off: number): number {
  const { u8 } = p.memory;
  const from = p.l4Off + off;
  return (u8[from]! << 24) | (u8[from + 1]! << 16) | (u8[from + 2]! << 8) | u8[from + 3]!;
}

function writeWord(p: Packet, off: number, value: number): void {
  const { u8 } = p.memory;
  const to = p.l4Off + off;
  u8[to] = value >>> 24;
  u8[to + 1] = value >>> 16;
  u8[to + 2] = value >>> 8;
  u8[to + 3] = value;
}

function writeTcpChecksum(p: Packet): void {
  const where = (p.l4Off + TCP_CHECKSUM) >> 1;
  p.memory.u16[where] = 0;
  p.memory.u16[where] = ~sumBytes(p.memory, p.l4Off, p.l3End - p.l4Off, pseudo(p)) & 0xffff;
}

function pseudo(p: Packet): number {
  return pseudoSum(p.memory, p.family, p.l3Off + (p.family === 4 ? IPV4_SOURCE : IPV6_SOURCE), IPPROTO.tcp, p.l3End - p.l4Off);
}
