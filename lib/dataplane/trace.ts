/**
 * The decision trace: what was looked at for one packet, in order, and how it ended. Exists only while somebody looks; the walk asks
 * `core.trace !== null` once a step otherwise.
 */
import { formatAddress, parseAddress, swap16, type ParsedAddress } from '../wire/address.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { TraceFilter, TraceRecord, TraceStep } from '../model/trace-record.ts';
import type { Packet } from './packet.ts';
import { VERDICT_NAMES, type Verdict } from './verdict.ts';

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IPPROTO.icmp]: 'ICMP', [IPPROTO.tcp]: 'TCP', [IPPROTO.udp]: 'UDP', [IPPROTO.icmpv6]: 'ICMPv6', [IPPROTO.sctp]: 'SCTP',
};

export class Trace {
  readonly #listener: (record: TraceRecord) => void;
  readonly #filter: TraceFilter;
  readonly #client: ParsedAddress | null;
  readonly #virtual: ParsedAddress | null;
  #left: number;
  #steps: TraceStep[] = [];
  #packet = '';
  #wanted = false;

  constructor(filter: TraceFilter, listener: (record: TraceRecord) => void) {
    this.#filter = filter;
    this.#listener = listener;
    this.#client = filter.client === undefined ? null : parseAddress(filter.client);
    this.#virtual = filter.virtual === undefined ? null : parseAddress(filter.virtual);
    this.#left = filter.limit ?? Infinity;
  }

  /** Records still wanted. */
  get left(): number {
    return this.#left;
  }

  begin(p: Packet): void {
    this.#steps = [];
    this.#wanted = this.#matches(p);
    this.#packet = this.#wanted ? describe(p) : '';
  }

  step(step: string, detail: string): void {
    if (this.#wanted) this.#steps.push({ step, detail });
  }

  end(verdict: Verdict, timeMs: number, interfaceName: string, reason: string): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#left--;
    this.#listener({
      timeMs, interface: interfaceName, packet: this.#packet, steps: this.#steps,
      verdict: VERDICT_NAMES[verdict] as TraceRecord['verdict'], reason,
    });
  }

  /** Either direction of a flow: an answer goes from the virtual (or real) side to the client. */
  #matches(p: Packet): boolean {
    const { clientPort, virtualPort, protocol } = this.#filter;
    if (this.#left <= 0 || (protocol !== undefined && protocol !== p.protocol)) return false;
    const source = swap16(p.ports & 0xffff), destination = swap16(p.ports >>> 16);
    const fromClient = isSource(this.#client, p) && isDestination(this.#virtual, p)
      && (clientPort === undefined || clientPort === source) && (virtualPort === undefined || virtualPort === destination);
    const toClient = this.#client !== null && isDestination(this.#client, p) && (clientPort === undefined || clientPort === destination);
    return fromClient || toClient;
  }
}

/** "TCP 203.0.113.7:40001 > 192.0.2.10:80". */
export function describe(p: Packet): string {
  const source = formatAddress(p.family, p.s0, p.s1, p.s2, p.s3);
  const destination = formatAddress(p.family, p.d0, p.d1, p.d2, p.d3);
  const name = PROTOCOL_NAMES[p.protocol] ?? `protocol ${p.protocol}`;
  if (p.protocol === IPPROTO.icmp || p.protocol === IPPROTO.icmpv6 || !(p.protocol in PROTOCOL_NAMES)) return `${name} ${source} > ${destination}`;
  const bracket = (address: string): string => (p.family === 6 ? `[${address}]` : address);
  return `${name} ${bracket(source)}:${swap16(p.ports & 0xffff)} > ${bracket(destination)}:${swap16(p.ports >>> 16)}`;
}

function isSource(address: ParsedAddress | null, p: Packet): boolean {
  if (address === null) return true;
  const { words } = address;
  return address.family === p.family && words[0] === p.s0 && words[1] === p.s1 && words[2] === p.s2 && words[3] === p.s3;
}

function isDestination(address: ParsedAddress | null, p: Packet): boolean {
  if (address === null) return true;
  const { words } = address;
  return address.family === p.family && words[0] === p.d0 && words[1] === p.d1 && words[2] === p.d2 && words[3] === p.d3;
}
