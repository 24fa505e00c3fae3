/** The connection table as ICMP errors ask it: by the packet that an error quotes (the lookups of ip_vs_in_icmp and ip_vs_out_icmp). */
import type { TunnelType } from '../model/destination.ts';
import { swap16 } from '../wire/address.ts';
import { countIn, countOut } from './account.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import { forwardRequest, hopOf } from './forward/index.ts';
import type { Packet } from './packet.ts';
import type { RelatedConnections } from './related-icmp.ts';
import { scheduleFlow } from './schedule.ts';
import type { Verdict } from './verdict.ts';

export class ConnectionsByQuote implements RelatedConnections {
  readonly #core: CoreContext;

  constructor(core: CoreContext) {
    this.#core = core;
  }

  byRequest(quote: Packet): number {
    return this.#even(this.#core.connections.lookup(quote));
  }

  byAnswer(quote: Packet): number {
    return this.#even(this.#inverse(quote));
  }

  byTranslated(quote: Packet): number {
    const entry = this.#inverse(quote);
    return entry >= 0 && (entry & 1) === 1 && this.isNat(entry >> 1) ? entry >> 1 : -1;
  }

  schedule(quote: Packet, p: Packet): number {
    const core = this.#core;
    quote.mark = core.services.markServices > 0 ? core.marks.classify(p) : 0;
    core.flow.fromQuote(quote, true);
    return Math.max(-1, scheduleFlow(core, p));
  }

  endIfOnePacket(connection: number): void {
    const { connections } = this.#core;
    if (((connections.words[connection * at.CONN_WORDS + at.STATE] as number) & at.CONN_ONE_PACKET) !== 0) connections.endOnePacket(connection);
  }

  isNat(connection: number): boolean {
    return ((this.#core.connections.words[connection * at.CONN_WORDS + at.STATE] as number) & at.METHOD_MASK) === at.METHOD.masq << at.METHOD_SHIFT;
  }

  virtualAddress(connection: number, out: Int32Array): void {
    const { words, addresses } = this.#core.connections;
    const base = connection * at.CONN_WORDS;
    if (((words[base + at.KEY] as number) & at.KEY_IPV6) === 0) {
      out[0] = words[base + at.TARGET] as number;
      out[1] = out[2] = out[3] = 0;
    } else {
      for (let i = 0; i < 4; i++) out[i] = addresses[connection * at.ADDRESS_WORDS + 4 + i] as number;
    }
  }

  virtualPort(connection: number): number {
    return (this.#core.connections.words[connection * at.CONN_WORDS + at.PORTS] as number) >>> 16;
  }

  destinationAddress(connection: number, out: Int32Array): void {
    for (let i = 0; i < 4; i++) out[i] = this.#core.connections.cold[connection * at.COLD_WORDS + at.DESTINATION_ADDRESS + i] as number;
  }

  destinationPort(connection: number): number {
    return (this.#core.connections.words[connection * at.CONN_WORDS + at.NEW_PORTS] as number) >>> 16;
  }

  nextHop(connection: number): number {
    return hopOf(connection, this.#core);
  }

  forward(connection: number, p: Packet): Verdict {
    return forwardRequest(p, connection, this.#core);
  }

  countIn(connection: number, bytes: number): void {
    countIn(this.#core, connection, bytes);
  }

  countOut(connection: number, bytes: number): void {
    countOut(this.#core, connection, bytes);
  }

  hasTunnel(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, type: TunnelType, rawPort: number): boolean {
    return this.#core.services.hasTunnel(family, w0, w1, w2, w3, type, swap16(rawPort));
  }

  #inverse(quote: Packet): number {
    return this.#core.connections.find(quote.family, quote.protocol, quote.d0, quote.d1, quote.d2, quote.d3, quote.s0, quote.s1, quote.s2, quote.s3,
      (quote.ports >>> 16) | (quote.ports << 16));
  }

  #even(entry: number): number {
    return entry >= 0 && (entry & 1) === 0 ? entry >> 1 : -1;
  }
}
