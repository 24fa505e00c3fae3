/** When a first packet finds an old connection with the same addresses and ports: is the old one over? (is_new_conn, is_new_conn_expected.) */
import { CHUNK, CHUNK_HEADER_LENGTH, SCTP_LENGTH, chunkType } from '../wire/sctp.ts';
import { SCTP_STATE, TCP_STATE } from '../model/conn-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { Packet } from './packet.ts';

/** Bit of conn_reuse_mode: connections in FIN_WAIT whose answers are not seen are over, too. */
const REUSE_FIN_WAIT = 2;

/** Type of the first SCTP chunk, -1 where there is none. */
export function firstChunk(p: Packet): number {
  const chunkOff = p.l4Off + SCTP_LENGTH;
  return p.protocol === IPPROTO.sctp && chunkOff + CHUNK_HEADER_LENGTH <= p.l3End ? chunkType(p.memory, chunkOff) : -1;
}

/** Whether `p`, a TCP SYN or an SCTP packet of connection `conn`, is to be scheduled anew. */
export function beginsAnew(core: CoreContext, p: Packet, conn: number): boolean {
  if (p.protocol === IPPROTO.sctp && firstChunk(p) !== CHUNK.init) return false;
  const base = conn * at.CONN_WORDS;
  const { words } = core.connections;
  if (core.sysctl.expire_nodest_conn !== 0) {
    const destination = core.services.destinations[words[base + at.DESTINATION] as number];
    if (destination !== undefined && destination.weight === 0) return true;
  }
  const mode = core.sysctl.conn_reuse_mode;
  if (mode === 0 || core.connections.controlOf(conn) >= 0) return false;
  const flags = words[base + at.STATE] as number;
  const state = flags & at.STATE_MASK;
  if (p.protocol === IPPROTO.sctp) return state === SCTP_STATE.CLOSED;
  return state === TCP_STATE.TIME_WAIT || state === TCP_STATE.CLOSE
    || ((mode & REUSE_FIN_WAIT) !== 0 && state === TCP_STATE.FIN_WAIT && (flags & at.CONN_NO_OUTPUT) !== 0);
}
