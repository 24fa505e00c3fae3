/**
 * IPv4 options on packets that IPVS forwards, as ip_options_compile treats them on the way in: a record-route option gets the director's
 * address, source routes are refused (accept_source_route=0), damaged options are answered with "parameter problem". Timestamps are left
 * as they are: the data plane has no wall clock.
 */
import { DROP } from '../model/drop-reason.ts';
import { checksumOf } from '../wire/checksum.ts';
import type { FrameMemory } from '../wire/frame.ts';
import { sendIcmpError } from './icmp-answer.ts';
import type { Packet } from './packet.ts';
import type { PathContext } from './path-context.ts';
import { CONTINUE, DROP as DROPPED, type Verdict } from './verdict.ts';

const IPV4_LENGTH = 20;
const END = 0;
const NOOP = 1;
const RECORD_ROUTE = 7;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;
const PARAMETER_PROBLEM = 12;

/** Handle the options of `p`, which has some. `recorded` (raw word, 0 = nothing) goes into record route. `passing` as for ICMP answers. */
export function receiveOptions(p: Packet, recorded: number, passing: boolean, ctx: PathContext): Verdict {
  const { memory, l3Off } = p;
  const { u8 } = memory;
  const end = p.l4Off;
  for (let at = l3Off + IPV4_LENGTH; at < end && u8[at] !== END; ) {
    const kind = u8[at] as number;
    if (kind === NOOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? (u8[at + 1] as number) : 0;
    if (length < 2 || at + length > end) return refuse(p, at, passing, ctx);
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) {
      ctx.drops[DROP.malformedIpv4]!++;
      return DROPPED;
    }
    if (kind === RECORD_ROUTE) {
      const problem = recordRoute(memory, at, length, recorded);
      if (problem > 0) return refuse(p, problem, passing, ctx);
      writeChecksum(memory, l3Off, end);
    }
    at += length;
  }
  return CONTINUE;
}

/** RFC 791 section 3.1. Offset of what is wrong, or 0. */
function recordRoute(memory: FrameMemory, at: number, length: number, recorded: number): number {
  const { u8 } = memory;
  if (length < 3) return at + 1;
  const pointer = u8[at + 2] as number;
  if (pointer < 4) return at + 2;
  if (pointer > length || recorded === 0) return 0;
  if (pointer + 3 > length) return at + 2;
  for (let i = 0; i < 4; i++) u8[at + pointer - 1 + i] = (recorded >>> (8 * i)) & 0xff;
  u8[at + 2] = pointer + 4;
  return 0;
}

function refuse(p: Packet, problemOff: number, passing: boolean, ctx: PathContext): Verdict {
  sendIcmpError(p.memory, p.l3Off, p.l3End, PARAMETER_PROBLEM, 0, problemOff - p.l3Off, passing, p.interfaceIdx, ctx);
  ctx.drops[DROP.malformedIpv4]!++;
  return DROPPED;
}

function writeChecksum(memory: FrameMemory, off: number, end: number): void {
  memory.u16[(off + 10) >> 1] = 0;
  memory.u16[(off + 10) >> 1] = checksumOf(memory, off, end - off, 0);
}
