/**
 * The connection table: where every packet looks first. Layout: connection-layout.ts. Memory for the maximum is reserved at the start and
 * becomes resident as it is used; entries never move. Timers are lazy: a packet writes when it was seen, and only a deadline that comes nearer
 * touches the wheel; what comes out of it early hangs itself up again.
 */
import { HashIndex, type TableSharing } from '../structures/hash-index.ts';
import { IndexPool } from '../structures/index-pool.ts';
import { int32Array, type Allocate, type Populate } from '../structures/memory.ts';
import { PopulateAhead } from '../structures/populate-ahead.ts';
import { TimerWheel } from '../structures/timer-wheel.ts';
import { answersPassHere, boundFlags, prepareNat, type BindTarget } from './connection-binding.ts';
import { ConnectionIndex } from './connection-index.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { EngineTemplates } from './engine-templates.ts';
import type { Flow } from './flow.ts';
import type { Packet } from './packet.ts';
import * as at from './connection-layout.ts';

/** Until a connection's first packet sets the timeout of its state (ip_vs_conn_new). */
const FIRST_TIMEOUT_MS = 3000;
/** A connection that others hang on is given this much longer when it expires. */
const CONTROLLING_MS = 60_000;
/** Longer than every timeout; what LAST_SEEN counts comes round an hour later. */
const MOST_QUIET_MS = 2 ** 32 - 3_600_000;

export interface ConnectionOptions {
  readonly capacity: number;
  /** Seed of the index's hash. */
  readonly seed: number;
  readonly startMs: number;
  /** Where the entries and their index lie; else on the heap. */
  readonly allocate?: Allocate | undefined;
  /** Has memory made resident before it is used. */
  readonly populate?: Populate | undefined;
  /** When forwarders look at the same entries. */
  readonly sharing?: ConnectionSharing | null;
}

export interface ConnectionSharing extends TableSharing {
  /** Call reuse() with this connection when nobody looks at its entries any more. */
  retire(conn: number): void;
  /** Make that happen now, where it can. */
  hurry(): void;
}

export class Connections {
  readonly capacity: number;
  readonly words: Int32Array;
  readonly cold: Int32Array;
  /** When each connection was made, as LAST_SEEN counts. */
  readonly created: Int32Array;
  /** IPv6: client and virtual address of each connection. */
  readonly addresses: Int32Array;
  readonly index: HashIndex;
  readonly engineTemplates = new EngineTemplates();
  /** Templates alive. */
  templates = 0;
  /** Data connections whose client port is not known yet. */
  withoutClientPort = 0;
  /** Told of every connection that ends, before its words are cleared. */
  onEnd: ((conn: number) => void) | null = null;
  /** Told of every connection that is kept on expiry because others hang on it. */
  onRearm: ((conn: number) => void) | null = null;
  readonly #pool: IndexPool;
  readonly #sharing: ConnectionSharing | null;
  /** Ended, but perhaps still looked at. */
  #retired = 0;
  readonly #wheel: TimerWheel;
  readonly #ahead: PopulateAhead;
  readonly #entries: ConnectionIndex;
  /** Seed of the index's hash. */
  readonly seed: number;
  readonly startMs: number;
  readonly #destinations: readonly (DestinationEntry | undefined)[];
  readonly #due = (conn: number, time: Float64Array): number => this.#expireIfDue(conn, this.clock(time[0] as number));

  constructor(destinations: readonly (DestinationEntry | undefined)[], options: ConnectionOptions) {
    const { capacity } = options;
    this.capacity = capacity;
    this.words = int32Array(capacity * at.CONN_WORDS, options.allocate);
    const shared = options.sharing == null ? null : options.allocate ?? null;
    this.cold = int32Array(capacity * at.COLD_WORDS, shared);
    this.created = new Int32Array(capacity);
    this.addresses = int32Array(capacity * at.ADDRESS_WORDS, shared);
    this.index = new HashIndex(this.words, 1024, options.allocate ?? null, options.sharing ?? null, options.populate ?? null);
    this.#sharing = options.sharing ?? null;
    this.#pool = new IndexPool(capacity);
    this.#wheel = new TimerWheel(capacity, options.startMs);
    this.#ahead = new PopulateAhead(capacity, [this.words, this.cold, this.created, ...this.#wheel.perEntry], options.populate ?? null);
    this.#entries = new ConnectionIndex({
      words: this.words, cold: this.cold, addresses: this.addresses, addressesAhead: new PopulateAhead(capacity, [this.addresses], options.populate ?? null), table: this.index, seed: options.seed,
    });
    // The first of them, before there is any connection.
    this.#ahead.use(0);
    this.seed = options.seed;
    this.startMs = options.startMs;
    this.#destinations = destinations;
  }

  /** The number that the nth (from 0) connection made from now on will have, or -1: the table is full by then. */
  upcoming(nth: number): number {
    return this.#pool.upcoming(nth);
  }

  get count(): number {
    return this.#pool.used - this.#retired;
  }

  /** Every connection is numbered below this. */
  get highest(): number {
    return this.#pool.highest;
  }

  /** `nowMs` as LAST_SEEN holds it. */
  clock(nowMs: number): number {
    return (nowMs - this.startMs) | 0;
  }

  /** The entry this packet belongs to: 2i from the client, 2i+1 from the real server; -1 none. */
  lookup(p: Packet): number {
    return this.#entries.lookup(p);
  }

  /** The same for a flow given by its words: what quoted packets and templates are looked up by. */
  find(family: 4 | 6, protocol: number, s0: number, s1: number, s2: number, s3: number, d0: number, d1: number, d2: number, d3: number, ports: number, flags = 0): number {
    return this.#entries.find(family, protocol, s0, s1, s2, s3, d0, d1, d2, d3, ports, flags);
  }

  /**
   * A new connection of `flow` to `destination` (null: cache bypass), or a template (at.CONN_TEMPLATE). Its destination's address and raw port are
   * bound once, here. -1 when the table is full.
   */
  create(flow: Flow, destination: BindTarget | null, rawPort: number, flags: number, nowMs: number): number {
    let conn = this.#pool.take();
    if (conn < 0 && this.#retired > 0) {
      this.#sharing?.hurry();
      conn = this.#pool.take();
    }
    if (conn < 0) return -1;
    if (conn >= this.#ahead.at) this.#ahead.use(conn);
    const words = this.words;
    const cold = this.cold;
    const base = conn * at.CONN_WORDS;
    const coldBase = conn * at.COLD_WORDS;
    const template = (flags & at.CONN_TEMPLATE) !== 0;
    words.fill(0, base, base + at.CONN_WORDS);
    cold.fill(0, coldBase, coldBase + at.COLD_WORDS);
    this.#entries.writeRequestKey(conn, flow, template);
    this.created[conn] = words[base + at.LAST_SEEN] = this.clock(nowMs);
    words[base + at.TIMEOUT] = FIRST_TIMEOUT_MS;
    words[base + at.DESTINATION] = words[base + at.ENTRY_WORDS + at.DESTINATION] = destination === null ? -1 : destination.slot;
    words[base + at.NEW_PORTS] = flow.clientPort | (rawPort << 16);
    words[base + at.STATE] = flags | boundFlags(flow, destination, template);
    if (destination !== null) {
      cold.set(destination.raw, coldBase + at.DESTINATION_ADDRESS);
      destination.bound(template, true);
      if (destination.method === 'masq') prepareNat(words, conn, flow, destination, rawPort);
    }
    if (template) this.templates++;
    if ((flags & at.CONN_NO_CLIENT_PORT) !== 0) this.withoutClientPort++;
    if ((flags & (at.CONN_ONE_PACKET | at.CONN_ENGINE)) === 0) {
      this.#entries.insertRequest(conn);
      if (destination !== null && !template && answersPassHere(flow, destination)) {
        this.#entries.writeAnswerKey(conn, flow, destination.raw, rawPort);
        if ((flags & at.CONN_NO_CLIENT_PORT) === 0) this.#entries.insertAnswer(conn);
      }
    }
    if ((flags & at.CONN_ONE_PACKET) === 0) this.#wheel.arm(conn, nowMs + FIRST_TIMEOUT_MS);
    return conn;
  }

  /** Write STATE: state, method and flags. */
  setState(conn: number, state: number): void {
    this.words[conn * at.CONN_WORDS + at.STATE] = state;
    this.#forgetStamp(conn);
  }

  /** Set the timeout and start it anew (cp->timeout, ip_vs_conn_put). */
  setTimeout(conn: number, timeoutMs: number, nowMs: number): void {
    const base = conn * at.CONN_WORDS;
    const words = this.words;
    const shorter = timeoutMs < ((words[base + at.TIMEOUT] as number) >>> 0);
    words[base + at.TIMEOUT] = timeoutMs;
    words[base + at.LAST_SEEN] = this.clock(nowMs);
    this.#forgetStamp(conn);
    if (shorter && (words[base + at.STATE]! & at.CONN_ONE_PACKET) === 0) {
      this.#wheel.disarm(conn);
      this.#wheel.arm(conn, nowMs + timeoutMs);
    }
  }

  /** Start the timeout anew. */
  touch(conn: number, nowMs: number): void {
    this.words[conn * at.CONN_WORDS + at.LAST_SEEN] = this.clock(nowMs);
  }

  /** Hang `conn` on `control` (ip_vs_control_add). */
  setControl(conn: number, control: number): void {
    this.cold[conn * at.COLD_WORDS + at.CONTROL] = control + 1;
    this.setState(conn, this.words[conn * at.CONN_WORDS + at.STATE]! | at.CONN_CONTROLLED);
    this.cold[control * at.COLD_WORDS + at.CHILDREN]!++;
  }

  /** The connection this one hangs on, or -1. */
  controlOf(conn: number): number {
    return (this.cold[conn * at.COLD_WORDS + at.CONTROL] as number) - 1;
  }

  childrenOf(conn: number): number {
    return this.cold[conn * at.COLD_WORDS + at.CHILDREN] as number;
  }

  /**
   * End a connection at the next turn of the timers and let no packet find it meanwhile (ip_vs_conn_expire_now); its destination still counts it
   * while the packet at hand is scheduled anew.
   */
  expireNow(conn: number, nowMs: number): void {
    const base = conn * at.CONN_WORDS;
    this.#unindex(conn);
    this.words[base + at.TIMEOUT] = 0;
    this.setState(conn, this.words[base + at.STATE]! | at.CONN_ENDING);
    this.#wheel.disarm(conn);
    this.#wheel.arm(conn, nowMs);
  }

  /** End a connection here and now, and with it what controls it, if that has nothing else (ip_vs_conn_del). */
  end(conn: number): void {
    const control = this.controlOf(conn);
    this.#release(conn);
    if (control >= 0 && this.childrenOf(control) === 0 && !this.#assuredTemplate(control)) this.end(control);
  }

  /** End a one-packet connection once its packet has left. */
  endOnePacket(conn: number): void {
    this.#release(conn);
  }

  /** Take a template out of use: packets make a new one, listings show port 65535 (ip_vs_check_template). */
  invalidate(conn: number): void {
    const base = conn * at.CONN_WORDS;
    if (this.words[base + at.PORTS] === INVALID_PORTS) return;
    this.#unindex(conn);
    this.words[base + at.PORTS] = INVALID_PORTS;
    this.words[base + at.NEW_PORTS] = INVALID_PORTS;
  }

  /** Bind a data connection's client port, now that its first packet came (ip_vs_conn_fill_cport). */
  fillClientPort(conn: number, rawPort: number): void {
    const base = conn * at.CONN_WORDS;
    const words = this.words;
    this.#unindex(conn);
    this.withoutClientPort--;
    words[base + at.PORTS] = (words[base + at.PORTS]! & ~0xffff) | rawPort;
    words[base + at.NEW_PORTS] = (words[base + at.NEW_PORTS]! & ~0xffff) | rawPort;
    const out = base + at.ENTRY_WORDS;
    words[out + at.PORTS] = (words[out + at.PORTS]! & 0xffff) | (rawPort << 16);
    words[out + at.NEW_PORTS] = (words[out + at.NEW_PORTS]! & 0xffff) | (rawPort << 16);
    words[out + at.KEY] = words[base + at.KEY] as number;
    this.setState(conn, words[base + at.STATE]! & ~at.CONN_NO_CLIENT_PORT);
    this.#entries.insertRequest(conn);
    this.#entries.insertAnswer(conn);
  }

  /** Nobody looks at this ended connection's entries any more. */
  reuse(conn: number): void {
    this.#retired--;
    this.#pool.release(conn);
  }

  /** Expire what is due, at most `budget` timers; false when more is waiting. */
  expire(nowMs: number, budget: number): boolean {
    this.index.migrate(64);
    return this.#wheel.advance(nowMs, budget, this.#due);
  }

  /** Of every connection. */
  forgetStamps(): void {
    for (let conn = 0; conn < this.highest; conn++) this.#forgetStamp(conn);
  }

  idleMs(nowMs: number): number {
    return this.#wheel.idleMs(nowMs);
  }

  inUse(conn: number): boolean {
    return this.words[conn * at.CONN_WORDS + at.KEY] !== 0;
  }

  /**
   * How long no packet has come, ms. `clock` as LAST_SEEN holds it. NB: a forwarder reads the clock of its own round, which may be later than the owner's; what was
   * seen after `clock` is not quiet, and not quiet for the 49 days that an unsigned difference comes to.
   */
  quietMs(conn: number, clock: number): number {
    const quiet = (clock - (this.words[conn * at.CONN_WORDS + at.LAST_SEEN] as number)) >>> 0;
    return quiet > MOST_QUIET_MS ? 0 : quiet;
  }

  /** Time left, ms. */
  leftMs(conn: number, nowMs: number): number {
    return this.#left(conn, this.clock(nowMs));
  }

  #left(conn: number, clock: number): number {
    return ((this.words[conn * at.CONN_WORDS + at.TIMEOUT] as number) >>> 0) - this.quietMs(conn, clock);
  }

  /** How long it waits on, ms, or 0 after the connection was ended. `clock` as LAST_SEEN holds it: a small integer, which is not boxed. */
  #expireIfDue(conn: number, clock: number): number {
    const left = this.#left(conn, clock);
    if (left > 0) return left;
    if (this.childrenOf(conn) > 0) {
      const base = conn * at.CONN_WORDS;
      this.words[base + at.TIMEOUT] = CONTROLLING_MS;
      this.#forgetStamp(conn);
      this.words[base + at.LAST_SEEN] = clock;
      this.onRearm?.(conn);
      return CONTROLLING_MS;
    }
    this.#release(conn);
    return 0;
  }

  #release(conn: number): void {
    const base = conn * at.CONN_WORDS;
    const words = this.words;
    const state = words[base + at.STATE] as number;
    this.onEnd?.(conn);
    this.#wheel.disarm(conn);
    this.#unindex(conn);
    this.engineTemplates.forget(conn);
    const control = this.controlOf(conn);
    if (control >= 0) this.cold[control * at.COLD_WORDS + at.CHILDREN]!--;
    const template = (state & at.CONN_TEMPLATE) !== 0;
    this.#destinations[words[base + at.DESTINATION] as number]?.unbound(template, (state & at.CONN_INACTIVE) !== 0);
    if (template) this.templates--;
    if ((state & at.CONN_NO_CLIENT_PORT) !== 0) this.withoutClientPort--;
    words[base + at.KEY] = 0;
    words[base + at.ENTRY_WORDS + at.KEY] = 0;
    if (this.#sharing === null) {
      this.#pool.release(conn);
      return;
    }
    this.#retired++;
    this.#sharing.retire(conn);
  }

  #forgetStamp(conn: number): void {
    const base = conn * at.CONN_WORDS;
    this.words[base + at.STAMP] = 0;
    this.words[base + at.ENTRY_WORDS + at.STAMP] = 0;
  }

  #assuredTemplate(conn: number): boolean {
    const state = this.words[conn * at.CONN_WORDS + at.STATE] as number;
    return (state & at.CONN_TEMPLATE) !== 0 && (state & at.STATE_MASK) !== 0;
  }

  #unindex(conn: number): void {
    this.engineTemplates.hide(conn);
    if ((this.words[conn * at.CONN_WORDS + at.STATE]! & (at.CONN_ONE_PACKET | at.CONN_ENGINE)) === 0) this.#entries.remove(conn);
  }
}

/** Ports of a template that is not to be used any more: 65535, and 0 for the client. */
const INVALID_PORTS = 0xffff0000 | 0;
