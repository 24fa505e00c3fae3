/**
 * The client's end of one TCP connection (RFC 9293), no more of it than a health check needs: one open, small requests, an answer in order,
 * an end. It is a Duplex like a net.Socket, so that checkers (and TLS) speak through it as through any other; packets go out and come in
 * through functions, so that it is tested without a network.
 *
 * Left out, because a probe can do without: congestion control (requests fit a few segments), out-of-order reassembly (the peer sends again
 * what was not acknowledged), options but MSS, TIME-WAIT (what is not over when the probe ends is reset).
 */
import { Duplex } from 'node:stream';
import { ACK, FIN, PSH, RST, SYN, type TcpSegment } from './packets.ts';

const MSS = 1360;
const WINDOW = 0xffff;
const FIRST_RETRANSMIT_MS = 1000;
const MAX_RETRANSMITS = 6;
const NOTHING = new Uint8Array(0);

export interface TcpStreamOptions {
  readonly send: (segment: TcpSegment) => void;
  /** 32 bits that grow with the clock, so that a peer's TIME-WAIT of the same ports takes them for new (RFC 6528). */
  readonly initialSequence: number;
  /** The port may be used again. */
  readonly released: () => void;
}

interface Unacknowledged { readonly seq: number; readonly flags: number; readonly payload: Uint8Array }

export class TcpStream extends Duplex {
  readonly #options: TcpStreamOptions;
  #state: 'idle' | 'opening' | 'open' | 'closed' = 'idle';
  #sendNext: number;
  #receiveNext = 0;
  #peerEnded = false;
  #ended = false;
  /** Oldest first. */
  #unacknowledged: Unacknowledged[] = [];
  #retransmits = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastWindow = WINDOW;

  constructor(options: TcpStreamOptions) {
    super({ allowHalfOpen: true });
    this.#options = options;
    this.#sendNext = options.initialSequence >>> 0;
  }

  /** Send the SYN; 'connect' follows, or 'error'. */
  open(): void {
    if (this.#state !== 'idle' || this.destroyed) return;
    this.#state = 'opening';
    this.#transmit(SYN, NOTHING);
  }

  /** A segment of this connection came in. */
  receive({ seq, ack, flags, payload }: TcpSegment): void {
    if (this.#state === 'opening') return this.#answered(seq, ack, flags);
    if (this.#state !== 'open') return;
    if (flags & RST) {
      if (seq === this.#receiveNext) this.#fail('ECONNRESET', 'connection reset');
      return;
    }
    if (flags & ACK) this.#acknowledged(ack);
    if (payload.length === 0 && !(flags & (FIN | SYN))) return;
    if (seq === this.#receiveNext && !this.#peerEnded) {
      this.#receiveNext = (this.#receiveNext + payload.length) >>> 0;
      if (payload.length > 0) this.push(payload);
      if (flags & FIN) {
        this.#receiveNext = (this.#receiveNext + 1) >>> 0;
        this.#peerEnded = true;
        this.push(null);
      }
    }
    this.#acknowledge();
  }

  override _read(): void {
    if (this.#state === 'open' && this.#lastWindow < MSS) this.#acknowledge();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const send = (): void => {
      for (let at = 0; at < chunk.length; at += MSS) this.#transmit(ACK | PSH, chunk.subarray(at, at + MSS));
      done();
    };
    if (this.#state === 'open') send();
    else this.once('connect', send);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#state === 'open') this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    if (this.#state === 'open') {
      // The peer has ended: so do we, in order. Else there is nothing to wait for.
      if (this.#peerEnded) this.#end();
      else this.#send({ seq: this.#sendNext, ack: this.#receiveNext, flags: RST | ACK, payload: NOTHING });
    }
    clearTimeout(this.#timer);
    this.#state = 'closed';
    this.#options.released();
    done(error);
  }

  #answered(seq: number, ack: number, flags: number): void {
    if (!(flags & ACK)) return;
    if (ack !== this.#sendNext) {
      // The peer still has an old connection of this port (RFC 9293 section 3.5.1, half-open): it is told, and asked again.
      if (flags & RST) return;
      this.#send({ seq: ack, ack: 0, flags: RST, payload: NOTHING });
      this.#resend(this.#unacknowledged[0]!);
      return;
    }
    if (flags & RST) return this.#fail('ECONNREFUSED', 'connection refused');
    if (!(flags & SYN)) return;
    this.#receiveNext = (seq + 1) >>> 0;
    this.#state = 'open';
    this.#acknowledged(ack);
    this.#acknowledge();
    this.emit('connect');
  }

  #acknowledged(ack: number): void {
    const before = this.#unacknowledged.length;
    this.#unacknowledged = this.#unacknowledged.filter(({ seq, flags, payload }) => ((seq + payload.length + (flags & (SYN | FIN) ? 1 : 0) - ack) | 0) > 0);
    if (this.#unacknowledged.length === before) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retransmits = 0;
    if (this.#unacknowledged.length > 0) this.#armRetransmit();
  }

  /** Everything that takes sequence numbers: kept until it is acknowledged. */
  #transmit(flags: number, payload: Uint8Array): void {
    const one = { seq: this.#sendNext, flags, payload };
    this.#sendNext = (this.#sendNext + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
    this.#unacknowledged.push(one);
    this.#resend(one);
    if (this.#timer === undefined) this.#armRetransmit();
  }

  #resend({ seq, flags, payload }: Unacknowledged): void {
    this.#send({ seq, ack: flags & SYN ? 0 : this.#receiveNext, flags, payload, ...(flags & SYN ? { mss: MSS } : {}) });
  }

  #armRetransmit(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const first = this.#unacknowledged[0];
      if (first === undefined) return;
      if (++this.#retransmits > MAX_RETRANSMITS) return this.#fail('ETIMEDOUT', 'connection timed out');
      this.#resend(first);
      this.#armRetransmit();
    }, FIRST_RETRANSMIT_MS * 2 ** this.#retransmits);
    this.#timer.unref();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#transmit(FIN | ACK, NOTHING);
  }

  #acknowledge(): void {
    this.#send({ seq: this.#sendNext, ack: this.#receiveNext, flags: ACK, payload: NOTHING });
  }

  #send(segment: Omit<TcpSegment, 'window'>): void {
    this.#lastWindow = Math.max(0, WINDOW - this.readableLength);
    this.#options.send({ ...segment, window: this.#lastWindow });
  }

  #fail(code: string, message: string): void {
    this.#state = 'closed';
    this.destroy(Object.assign(new Error(message), { code }));
  }
}
