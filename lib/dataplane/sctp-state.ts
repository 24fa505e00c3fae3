/**
 * SCTP associations as seen from the middle (ip_vs_proto_sctp.c): events are first chunks, states those of RFC 9260 section 4 plus the
 * steps of the handshake. What a line does not name stays as it is.
 */
import { SCTP_STATE } from '../model/conn-state.ts';
import type { FrameMemory } from '../wire/frame.ts';
import { CHUNK, CHUNK_HEADER_LENGTH, SCTP_LENGTH, chunkLength, chunkType } from '../wire/sctp.ts';

const STATES = 14;
const EVENTS = 10;
/** Rows of the tables, in this order. */
const EVENT_NAMES = ['data', 'init', 'initAck', 'cookieEcho', 'cookieAck', 'shutdown', 'shutdownAck', 'shutdownComplete', 'error', 'abort'];

/** Two letters a state, in the order of SCTP_STATE. */
const LETTERS = ['NO', 'I1', 'IN', 'CS', 'CR', 'CW', 'CO', 'CE', 'ES', 'SS', 'SR', 'SA', 'RJ', 'CL'];

/** `from from > to`; `* > to` is every state not named before on the line. */
const INPUT_LINES = `
  data             NO > ES
  init             NO > I1, I1 RJ CL > IN
  initAck          NO I1 IN > CW, CW > CO
  cookieEcho       NO CS > CR, I1 > IN
  cookieAck        NO CE > ES
  shutdown         NO ES > SR
  shutdownAck      NO SS SA > CL, I1 > IN
  shutdownComplete NO I1 IN SA > CL
  error            NO CE > CL
  abort            CW > RJ, * > CL`;
const OUTPUT_LINES = `
  data             NO > ES
  init             ES > ES, * > CW
  initAck          NO I1 IN > CS
  cookieEcho       NO I1 IN CS CR CW CO > CE
  cookieAck        NO I1 IN CS CR CW CO CE > ES
  shutdown         NO I1 IN CS CR CW CO CE ES > SS
  shutdownAck      NO I1 IN CS CR SS SR > SA
  shutdownComplete NO > CL
  error            NO I1 IN CS CR > CL
  abort            I1 > RJ, * > CL`;
const INPUT_ONLY_LINES = `
  data             NO CW > ES
  init             NO > I1, I1 CS CR CW RJ CL > IN
  initAck          NO I1 IN CS CR CW > CE
  cookieEcho       NO I1 IN CS CR CW > ES
  cookieAck        NO CS CR CO CE > ES
  shutdown         NO ES > SR
  shutdownAck      NO ES SS SA > CL, I1 > IN
  shutdownComplete NO I1 IN CS CR SR SA > CL
  error            NO > CL
  abort            CW > RJ, * > CL`;

const TABLE = new Uint8Array(3 * EVENTS * STATES);
for (const [direction, lines] of [INPUT_LINES, OUTPUT_LINES, INPUT_ONLY_LINES].entries()) fillTable(direction, lines);

/** Event by chunk type; unknown types are data. */
const EVENT_OF_CHUNK = new Uint8Array(256);
for (const [name, chunk] of Object.entries(CHUNK)) EVENT_OF_CHUNK[chunk] = Math.max(0, EVENT_NAMES.indexOf(name));

/** Timeout of each state, seconds. */
export const SCTP_TIMEOUT_SEC = [2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61] as const;

/** The state after a packet whose first chunk is at `chunkOff`; -1 when there is no chunk to look at. */
export function sctpNextState(memory: FrameMemory, l4Off: number, end: number, direction: number, state: number): number {
  const chunkOff = l4Off + SCTP_LENGTH;
  if (chunkOff + CHUNK_HEADER_LENGTH > end) return -1;
  let chunk = chunkType(memory, chunkOff);
  // An ABORT may follow a COOKIE ECHO or COOKIE ACK in one packet.
  if (chunk === CHUNK.cookieEcho || chunk === CHUNK.cookieAck) {
    const length = chunkLength(memory, chunkOff);
    const nextOff = chunkOff + ((length + 3) & ~3);
    if (length >= CHUNK_HEADER_LENGTH && nextOff + CHUNK_HEADER_LENGTH <= end && chunkType(memory, nextOff) === CHUNK.abort) chunk = CHUNK.abort;
  }
  return TABLE[(direction * EVENTS + (EVENT_OF_CHUNK[chunk] as number)) * STATES + state] as number;
}

export function sctpActive(state: number): boolean {
  return state === SCTP_STATE.ESTABLISHED;
}

function fillTable(direction: number, lines: string): void {
  for (const line of lines.trim().split('\n')) {
    const [event, ...rest] = line.trim().split(/\s+/) as [string, ...string[]];
    const row = (direction * EVENTS + EVENT_NAMES.indexOf(event)) * STATES;
    const changes = new Map<string, string>();
    for (const change of rest.join(' ').split(',')) {
      const [from, to] = change.split('>') as [string, string];
      for (const state of from.trim().split(' ')) changes.set(state, to.trim());
    }
    for (const [state, letters] of LETTERS.entries()) TABLE[row + state] = LETTERS.indexOf(changes.get(letters) ?? changes.get('*') ?? letters);
  }
}
