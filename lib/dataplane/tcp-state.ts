/**
 * TCP states as seen from the middle (ip_vs_proto_tcp.c). Each table is read as: in this row (direction and flag), a connection in the
 * state of the column goes to the state written there. Two letters a state:
 *   NO none  ES established  SS SYN sent  SR SYN received  FW FIN wait  TW time wait  CL close  CW close wait  LA last ACK  LI listen  SA SYN/ACK
 */
import { TCP_STATE } from '../model/conn-state.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';

/** Directions: from the client, from the real server, from the client when nothing of the server is seen (DR, tunnel). */
export const INPUT = 0, OUTPUT = 1, INPUT_ONLY = 2;

const STATES = 11;
const EVENTS = 4;
const LETTERS = ['NO', 'ES', 'SS', 'SR', 'FW', 'TW', 'CL', 'CW', 'LA', 'LI', 'SA'];

//           from: NO ES SS SR FW TW CL CW LA LI SA
const NORMAL = `
  input      syn   SR ES ES SR SR SR SR SR SR SR SR
             fin   CL CW SS TW TW TW CL CW LA LI TW
             ack   ES ES SS ES FW TW CL CW CL LI ES
             rst   CL CL CL SR CL CL CL CL LA LI SR
  output     syn   SS ES SS SR SS SS SS SS SS LI SR
             fin   TW FW SS TW FW TW CL TW LA LI TW
             ack   ES ES SS ES FW TW CL CW LA ES ES
             rst   CL CL SS CL CL TW CL CL CL CL CL
  input-only syn   SR ES ES SR SR SR SR SR SR SR SR
             fin   CL FW SS TW FW TW CL CW LA LI TW
             ack   ES ES SS ES FW TW CL CW CL LI ES
             rst   CL CL CL SR CL CL CL CL LA LI CL`;

/** secure_tcp: a SYN from the client alone does not become established by the client's ACK. */
const SECURE = `
  input      syn   SR ES ES SR SR SR SR SR SR SR SA
             fin   CL CW SS TW TW TW CL CW LA LI SA
             ack   ES ES SS SR FW TW CL CW CL LI SA
             rst   CL CL CL SR CL CL CL CL LA LI CL
  output     syn   SS ES SS SA SS SS SS SS SS LI SA
             fin   TW FW SS TW FW TW CL TW LA LI TW
             ack   ES ES SS ES FW TW CL CW LA ES ES
             rst   CL CL SS CL CL TW CL CL CL CL CL
  input-only syn   SA ES ES SR SA SA SA SA SA SA SA
             fin   CL FW SS TW FW TW CL CW LA LI TW
             ack   ES ES SS ES FW TW CL CW CL LI ES
             rst   CL CL CL SR CL CL CL CL LA LI CL`;

export const TCP_TABLE = parseTable(NORMAL);
export const TCP_TABLE_SECURE = parseTable(SECURE);

/** Timeout of each state, seconds. */
export const TCP_TIMEOUT_SEC = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120] as const;

/** States whose connections count as active. */
const ACTIVE = 1 << TCP_STATE.ESTABLISHED | 1 << TCP_STATE.SYN_SENT | 1 << TCP_STATE.SYN_RECV | 1 << TCP_STATE.SYNACK;

export function tcpActive(state: number): boolean {
  return (ACTIVE >> state & 1) !== 0;
}

/** The state after a packet with these flags; a packet without any of SYN, FIN, ACK, RST closes. */
export function tcpNextState(table: Uint8Array, direction: number, flags: number, state: number): number {
  const event = (flags & RST) !== 0 ? 3 : (flags & SYN) !== 0 ? 0 : (flags & FIN) !== 0 ? 1 : (flags & ACK) !== 0 ? 2 : -1;
  return event < 0 ? TCP_STATE.CLOSE : table[(direction * EVENTS + event) * STATES + state] as number;
}

function parseTable(text: string): Uint8Array {
  const names = text.split(/\s+/).filter((word) => /^[A-Z]{2}$/.test(word));
  return Uint8Array.from(names, (name) => LETTERS.indexOf(name));
}
