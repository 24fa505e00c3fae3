/** ICMPv6 (RFC 4443): types that a director meets. */
import type { FrameMemory } from './frame.ts';

export const ICMPV6_LENGTH = 8;
export const ICMPV6_CHECKSUM = 2;
export const ICMPV6_TYPE = { destinationUnreachable: 1, packetTooBig: 2, timeExceeded: 3, parameterProblem: 4, echoRequest: 128, echoReply: 129 } as const;
/** Types below are errors (RFC 4443 section 2.1). */
export const ICMPV6_FIRST_INFORMATIONAL = 128;
export const UNREACHABLE_CODE = { port: 4 } as const;

export function type(memory: FrameMemory, off: number): number {
  return memory.u8[off] as number;
}

export function code(memory: FrameMemory, off: number): number {
  return memory.u8[off + 1] as number;
}
