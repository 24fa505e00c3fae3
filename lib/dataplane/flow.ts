/**
 * Who talks to whom, as scheduling sees it: client and virtual address whatever the direction of the packet it was read from.
 * One scratch object; only first packets fill it. Words and ports are raw.
 */
import { hostWords, swap16 } from '../wire/address.ts';
import type { SchedulerPacket } from '../schedulers/scheduler.ts';
import type { Packet } from './packet.ts';

export class Flow implements SchedulerPacket {
  family: 4 | 6 = 4;
  protocol = 0;
  mark = 0;
  /** Client address. */
  c0 = 0; c1 = 0; c2 = 0; c3 = 0;
  /** Virtual address. */
  v0 = 0; v1 = 0; v2 = 0; v3 = 0;
  /** Raw half words. */
  clientPort = 0;
  virtualPort = 0;
  /** Read from the packet quoted in an ICMP error (schedule_icmp). */
  quoted = false;

  // What schedulers look at, in host order.
  readonly source = new Int32Array(4);
  readonly destination = new Int32Array(4);
  sourcePort = 0;
  destinationPort = 0;

  fromPacket(p: Packet): void {
    this.family = p.family;
    this.protocol = p.protocol;
    this.mark = p.mark;
    this.c0 = p.s0; this.c1 = p.s1; this.c2 = p.s2; this.c3 = p.s3;
    this.v0 = p.d0; this.v1 = p.d1; this.v2 = p.d2; this.v3 = p.d3;
    this.clientPort = p.ports & 0xffff;
    this.virtualPort = p.ports >>> 16;
    this.quoted = false;
    this.#forSchedulers();
  }

  /** The flow a quoted packet belongs to. `inverse`: the quoted packet went from the virtual service to the client. */
  fromQuote(p: Packet, inverse: boolean): void {
    this.fromPacket(p);
    if (inverse) {
      this.c0 = p.d0; this.c1 = p.d1; this.c2 = p.d2; this.c3 = p.d3;
      this.v0 = p.s0; this.v1 = p.s1; this.v2 = p.s2; this.v3 = p.s3;
      this.clientPort = p.ports >>> 16;
      this.virtualPort = p.ports & 0xffff;
      this.#forSchedulers();
    }
    this.quoted = true;
  }

  /** The flow of a datagram that a real server of this virtual address sends to a client. */
  fromAnswer(p: Packet, virtual: Int32Array, rawPort: number): void {
    this.fromPacket(p);
    this.c0 = p.d0; this.c1 = p.d1; this.c2 = p.d2; this.c3 = p.d3;
    this.v0 = virtual[0] as number; this.v1 = virtual[1] as number; this.v2 = virtual[2] as number; this.v3 = virtual[3] as number;
    this.clientPort = p.ports >>> 16;
    this.virtualPort = rawPort;
    this.#forSchedulers();
  }

  #forSchedulers(): void {
    hostWords(this.family, this.c0, this.c1, this.c2, this.c3, this.source);
    hostWords(this.family, this.v0, this.v1, this.v2, this.v3, this.destination);
    this.sourcePort = swap16(this.clientPort);
    this.destinationPort = swap16(this.virtualPort);
  }
}
