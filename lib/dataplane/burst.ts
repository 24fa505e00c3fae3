/**
 * A packet's walk, from frame to verdict:
 *
 *     parse -> fragments -> ICMP errors -> lookup -+-> from the client: reuse? -> count -> state -> forward
 *                                                  +-> from the real server:      count -> state -> rewrite, forward
 *                                                  +-> neither: schedule -> (as from the client), or an answer, or not ours
 *
 * Most frames never take it: fast-path.ts does the same for established flows in one go.
 *
 * Frames of a burst walk one after the other, so a SYN's connection is there for the ACK right behind it.
 */
import type { FrameBurst, FrameMemory, FrameSink } from '../wire/frame.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { isGroupAddressed } from '../wire/ethernet.ts';
import { CHUNK } from '../wire/sctp.ts';
import { RST, SYN } from '../wire/tcp.ts';
import { DROP, DROP_REASONS } from '../model/drop-reason.ts';
import { IPPROTO } from '../model/protocol.ts';
import { BurstCounts, countIn, countOut } from './account.ts';
import { advanceState } from './connection-state.ts';
import * as at from './connection-layout.ts';
import { beginsAnew, firstChunk } from './connection-reuse.ts';
import type { CoreContext } from './core-context.ts';
import { FastForwarding } from './fast-forwarding.ts';
import { BATCH } from './fast-path.ts';
import { stamp } from './fast-stamp.ts';
import { FRAGMENT_COMPLETE, FRAGMENT_HELD, type Fragments } from './fragments.ts';
import { countAnswer, enterForwarding, forwardAnswer, forwardRequest } from './forward/index.ts';
import { answerPortUnreachable } from './icmp-answer.ts';
import { Packet } from './packet.ts';
import { parse, parseIp } from './parse.ts';
import { handleIcmpError } from './related-icmp.ts';
import { ConnectionsByQuote } from './related-connections.ts';
import { SLOT_AVAILABLE, SLOT_WORDS } from './services.ts';
import { scheduleAnswer, scheduleFirst, verdictOf } from './schedule.ts';
import { INPUT, OUTPUT } from './tcp-state.ts';
import { CONTINUE, DELIVER, DROP as DROPPED, HOLD, PASS, TRANSMIT, type Verdict } from './verdict.ts';

export class Walk {
  /** Frames by how they ended. */
  received = 0;
  passed = 0;
  transmitted = 0;
  /** Of the transmitted: without a walk. */
  fast = 0;
  readonly #core: CoreContext;
  readonly #fragments: Fragments;
  readonly #related: ConnectionsByQuote;
  readonly #fast: FastForwarding;
  readonly #packet = new Packet();
  readonly #clock = new Float64Array(1);
  #interfaceNames: readonly string[] = [];
  /** MAC address of each interface, three raw half words; all zero where unknown. */
  #macs = new Uint16Array(0);

  constructor(core: CoreContext, fragments: Fragments) {
    this.#core = core;
    this.#fragments = fragments;
    this.#related = new ConnectionsByQuote(core);
    const { connections, network } = core;
    this.#fast = new FastForwarding({
      words: connections.words, addresses: connections.addresses, cold: connections.cold, index: connections.index, seed: connections.seed, startMs: connections.startMs,
      hops: network.hops.words, resolvedMs: network.hops.resolvedMs, state: network.state, clock: this.#clock, tally: new BurstCounts(core), shared: network.shared,
    });
  }

  setInterfaces(interfaces: readonly { readonly name: string; readonly mac: string }[]): void {
    this.#interfaceNames = interfaces.map(({ name }) => name);
    const bytes = interfaces.flatMap(({ mac }) => (mac === '' ? [0, 0, 0, 0, 0, 0] : mac.split(':').map((byte) => parseInt(byte, 16))));
    this.#macs = new Uint16Array(Uint8Array.from(bytes).buffer);
  }

  run(interfaceIdx: number, frames: FrameBurst, sink: FrameSink): void {
    const { memory, off, len, offload, count } = frames;
    this.received += count;
    const macs = this.#macs;
    const mac = interfaceIdx * 3;
    const known = interfaceIdx >= 0 && mac + 2 < macs.length;
    this.#clock[0] = this.#core.nowMs;
    const fast = this.#fast.begin(interfaceIdx, known ? macs[mac]! : 0, known ? macs[mac + 1]! | (macs[mac + 2]! << 16) : 0);
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      if (fast) this.#fast.stage(frames, from, size);
      for (let k = 0; k < size; k++) {
        // Fast path: established flows.
        if (fast) {
          const refused = this.#fast.forward(frames, k, size, sink);
          this.fast += refused - k;
          k = refused;
          if (k === size) break;
        }
        // Slow path: everything else.
        const i = from + k;
        this.#frame(interfaceIdx, memory, off[i] as number, len[i] as number, offload[i] as number, sink);
      }
    }
    this.#fast.finish();
  }

  #frame(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number, sink: FrameSink): void {
    const core = this.#core;
    const p = this.#packet;
    if (core.sync.backup !== null && isGroupAddressed(memory, off)) core.sync.offer(core, interfaceIdx, memory, off, len);
    let verdict = parse(p, interfaceIdx, memory, off, len, offload, core.drops);
    if (verdict === CONTINUE) verdict = this.#isForUs(interfaceIdx, memory, off) ? this.#traced(p) : PASS;
    if (verdict === TRANSMIT) {
      this.transmitted++;
    } else if (verdict === PASS) {
      this.passed++;
      sink.pass(interfaceIdx, p.memory, p.off, p.memory === memory ? len : p.l3End - p.off, p.offload, p.reassembledMax !== 0);
    } else if (verdict === DELIVER) {
      sink.deliver(interfaceIdx, p.memory, p.off, p.memory === memory ? len : p.l3End - p.off, p.offload);
    }
  }

  /** Frames to another station's address (flooded, or the interface is promiscuous) are nobody's business here. */
  #isForUs(interfaceIdx: number, memory: FrameMemory, off: number): boolean {
    if (interfaceIdx === INTERFACE_LOCAL) return true;
    const { u16 } = memory;
    const macs = this.#macs;
    const mac = interfaceIdx * 3;
    if (mac + 2 >= macs.length || (macs[mac]! | macs[mac + 1]! | macs[mac + 2]!) === 0) return true;
    const half = off >> 1;
    return u16[half] === macs[mac] && u16[half + 1] === macs[mac + 1] && u16[half + 2] === macs[mac + 2];
  }

  #traced(p: Packet): Verdict {
    const core = this.#core;
    // Fast path: nobody looks.
    if (core.trace === null) return this.#walk(p);
    const { trace } = core;
    const dropsBefore = core.drops.slice();
    const interfaceIdx = p.interfaceIdx;
    trace.begin(p);
    const verdict = this.#walk(p);
    const reason = DROP_REASONS[core.drops.findIndex((count, i) => count !== dropsBefore[i])]?.[0] ?? '';
    trace.end(verdict, core.nowMs, this.#nameOf(interfaceIdx), reason);
    return verdict;
  }

  #nameOf(interfaceIdx: number): string {
    return interfaceIdx === INTERFACE_LOCAL ? 'local' : this.#interfaceNames[interfaceIdx] ?? String(interfaceIdx);
  }

  #walk(p: Packet): Verdict {
    const core = this.#core;
    if ((p.family === 4 ? core.services.count4 : core.services.count6) === 0) return PASS;
    if (p.isFragment) {
      const verdict = this.#reassemble(p);
      if (verdict !== CONTINUE) return verdict;
    }
    const { protocol } = p;
    if (protocol !== IPPROTO.tcp && protocol !== IPPROTO.udp && protocol !== IPPROTO.sctp) {
      if (protocol !== (p.family === 4 ? IPPROTO.icmp : IPPROTO.icmpv6) || p.truncated) return PASS;
      core.trace?.step('icmp', 'an ICMP message: looking at what it quotes');
      return handleIcmpError(p, this.#related, core);
    }
    if (p.truncated) return core.network.isLocal(p.family, p.d0, p.d1, p.d2, p.d3) ? this.#dropped(DROP.malformedTransport) : PASS;
    const entry = core.connections.lookup(p);
    if (entry < 0) return this.#withoutConnection(p);
    core.trace?.step('lookup', `connection ${entry >> 1}, ${(entry & 1) === 0 ? 'from the client' : 'from the real server'}`);
    return (entry & 1) === 0 ? this.#fromClient(p, entry >> 1) : this.#fromServer(p, entry >> 1);
  }

  /** Fragments that may be ours wait for the rest; others are not touched. */
  #reassemble(p: Packet): Verdict {
    const core = this.#core;
    if (!core.services.hasVirtualAddress(p.family, p.d0, p.d1, p.d2, p.d3) && !core.services.realServers.hasAddress(p.family, p.s0, p.s1, p.s2, p.s3)
      && !(core.services.markServices > 0 && core.marks.mayMark(p)) && !core.network.isLocal(p.family, p.d0, p.d1, p.d2, p.d3)) return PASS;
    const result = this.#fragments.offer(p, core.nowMs);
    core.trace?.step('fragment', result === FRAGMENT_COMPLETE ? 'the datagram is complete' : result === FRAGMENT_HELD ? 'held until the rest comes' : 'dropped');
    if (result === FRAGMENT_COMPLETE) return parseIp(p, p.l3End, core.drops);
    return result === FRAGMENT_HELD ? HOLD : DROPPED;
  }

  #fromClient(p: Packet, conn: number): Verdict {
    const core = this.#core;
    const { connections } = core;
    if (core.sysctl.backup_only !== 0 && core.backupDaemon) return PASS;
    const words = connections.words;
    const base = conn * at.CONN_WORDS;
    // Slow path: it may begin a new connection in place of the old.
    if (((p.tcpFlags & SYN) !== 0 || p.protocol === IPPROTO.sctp) && beginsAnew(core, p, conn)) {
      core.trace?.step('lookup', 'the old connection is over; scheduling anew');
      if (connections.childrenOf(conn) === 0) connections.expireNow(conn, core.nowMs);
      const method = ((words[base + at.STATE] as number) & at.METHOD_MASK) >> at.METHOD_SHIFT;
      core.answerBytes = 0;
      const verdict = this.#schedule(p);
      // NB: the old connection ends with the next turn of the timers; what is answered now still counts for it.
      if (verdict === DROPPED && connections.lookup(p) < 0) countAnswer(conn, method, core);
      return verdict;
    }
    const slot = words[base + at.DESTINATION] as number;
    if (slot >= 0 && core.services.slots[SLOT_WORDS * slot + SLOT_AVAILABLE] === 0) {
      core.trace?.step('lookup', 'its destination was removed');
      if (core.sysctl.expire_nodest_conn === 0) return this.#dropped(DROP.destinationUnavailable);
      connections.expireNow(conn, core.nowMs);
      return this.#schedule(p);
    }
    return this.#request(p, conn);
  }

  /** Count, move the state, forward. */
  #request(p: Packet, conn: number): Verdict {
    const core = this.#core;
    countIn(core, conn, p.l3End - p.l3Off);
    advanceState(core, conn, INPUT, p);
    const verdict = forwardRequest(p, conn, core);
    if (verdict === TRANSMIT) stamp(core, 2 * conn);
    if (core.sync.master !== null) core.sync.master.packet(conn);
    return verdict;
  }

  #fromServer(p: Packet, conn: number): Verdict {
    const core = this.#core;
    const state = core.connections.words[conn * at.CONN_WORDS + at.STATE] as number;
    const bytes = p.l3End - p.l3Off;
    // A destination that has the virtual address itself answers with it: nothing to rewrite.
    if ((state & at.METHOD_MASK) !== at.METHOD.masq << at.METHOD_SHIFT) {
      countOut(core, conn, bytes);
      advanceState(core, conn, OUTPUT, p);
      return PASS;
    }
    const verdict = forwardAnswer(p, conn, core);
    if (verdict === DROPPED) return verdict;
    // NB: not `bytes`: an application helper may have changed the length.
    countOut(core, conn, p.l3End - p.l3Off);
    advanceState(core, conn, OUTPUT, p);
    if (verdict === TRANSMIT) stamp(core, 2 * conn + 1);
    return verdict;
  }

  #withoutConnection(p: Packet): Verdict {
    const core = this.#core;
    if (core.services.realServers.hasAddress(p.family, p.s0, p.s1, p.s2, p.s3)) {
      const verdict = this.#fromServerWithout(p);
      if (verdict !== CONTINUE) return verdict;
    }
    if (core.sysctl.backup_only !== 0 && core.backupDaemon) return PASS;
    const conn = core.connections.withoutClientPort > 0 ? this.#expected(p) : -1;
    return conn < 0 ? this.#schedule(p) : this.#fromClient(p, conn);
  }

  /** A data connection made ahead, for whatever port the client begins it from; the port is known now. */
  #expected(p: Packet): number {
    const { connections } = this.#core;
    const entry = connections.find(p.family, p.protocol, p.s0, p.s1, p.s2, p.s3, p.d0, p.d1, p.d2, p.d3, p.ports & ~0xffff);
    if (entry < 0) return -1;
    connections.fillClientPort(entry >> 1, p.ports & 0xffff);
    return entry >> 1;
  }

  #schedule(p: Packet): Verdict {
    const core = this.#core;
    const conn = scheduleFirst(core, p);
    if (conn < 0) return verdictOf(conn);
    core.trace?.step('create', `connection ${conn}`);
    const verdict = this.#request(p, conn);
    this.#related.endIfOnePacket(conn);
    return verdict;
  }

  /** From a NAT real server, but of no connection: one the server begins itself (sip), or told so (nat_icmp_send). */
  #fromServerWithout(p: Packet): Verdict {
    const core = this.#core;
    const destination = core.services.realServers.find(p.family, p.protocol, p.s0, p.s1, p.s2, p.s3, p.ports & 0xffff);
    if (destination === null) return CONTINUE;
    if (p.protocol === IPPROTO.udp && destination.service.persistenceEngine !== null && destination.service.fwmark === 0) {
      const conn = scheduleAnswer(core, p, destination);
      if (conn >= 0) return this.#fromServer(p, conn);
    }
    if (core.sysctl.nat_icmp_send === 0 || (p.tcpFlags & RST) !== 0 || firstChunk(p) === CHUNK.abort) return CONTINUE;
    const passing = !core.network.isLocal(p.family, p.d0, p.d1, p.d2, p.d3);
    if (passing) {
      const verdict = enterForwarding(p, core);
      if (verdict !== CONTINUE) return verdict;
    }
    answerPortUnreachable(p, core, passing);
    return this.#dropped(DROP.noConnection);
  }

  #dropped(reason: number): Verdict {
    this.#core.drops[reason]!++;
    return DROPPED;
  }
}
