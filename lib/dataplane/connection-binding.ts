/** What a connection takes from its destination when it is made, once and for all: forwarding method, and for NAT the rewriting of both directions. */
import { swap16 } from '../wire/address.ts';
import { fold, halves } from '../wire/checksum.ts';
import { IPPROTO } from '../model/protocol.ts';
import * as at from './connection-layout.ts';
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';

/** A destination, or what stands for one that is not known here (slot -1). */
export type BindTarget = Pick<DestinationEntry, 'slot' | 'family' | 'raw' | 'method' | 'bound'>;

const RAW_FTP_PORT = swap16(21);
/** As large as the halves of four words can sum to: one's-complement subtraction adds it and takes away. */
const ONES = 4 * 2 * 0xffff;

/** STATE bits of a new connection. */
export function boundFlags(flow: Flow, target: BindTarget | null, template: boolean): number {
  if (target === null) return at.METHOD.bypass << at.METHOD_SHIFT;
  const nat = target.method === 'masq';
  // FTP control connections through NAT are looked into.
  const helper = nat && !template && flow.protocol === IPPROTO.tcp && flow.virtualPort === RAW_FTP_PORT;
  return (at.METHOD[target.method] << at.METHOD_SHIFT) | at.CONN_INACTIVE | (nat ? 0 : at.CONN_NO_OUTPUT)
    | (target.family === 6 ? at.CONN_DESTINATION_IPV6 : 0) | (helper ? at.CONN_HELPER : 0);
}

/** NAT answers always come back here; others only when the destination has the virtual address itself. */
export function answersPassHere(flow: Flow, target: BindTarget): boolean {
  if (target.method === 'masq') return true;
  const { raw } = target;
  return target.family === flow.family && raw[0] === flow.v0 && raw[1] === flow.v1 && raw[2] === flow.v2 && raw[3] === flow.v3;
}

/** New addresses, ports and checksum deltas of both entries. */
export function prepareNat(words: Int32Array, conn: number, flow: Flow, target: BindTarget, rawPort: number): void {
  const base = conn * at.CONN_WORDS;
  const out = base + at.ENTRY_WORDS;
  const { raw } = target;
  words[base + at.NEW_ADDRESS] = raw[0] as number;
  words[out + at.NEW_ADDRESS] = flow.v0;
  words[out + at.NEW_PORTS] = flow.virtualPort | (flow.clientPort << 16);
  const virtual = halves(flow.v0) + halves(flow.v1) + halves(flow.v2) + halves(flow.v3);
  const real = halves(raw[0] as number) + halves(raw[1] as number) + halves(raw[2] as number) + halves(raw[3] as number);
  const inDelta = fold(ONES - virtual + real);
  const outDelta = fold(ONES - real + virtual);
  words[base + at.DELTAS] = inDelta | (fold(inDelta + (~flow.virtualPort & 0xffff) + rawPort) << 16);
  words[out + at.DELTAS] = outDelta | (fold(outDelta + (~rawPort & 0xffff) + flow.virtualPort) << 16);
}
