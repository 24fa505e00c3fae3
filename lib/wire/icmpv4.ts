/** ICMP (RFC 792): types that a director meets. */
import type { FrameMemory } from './frame.ts';

export const ICMP_LENGTH = 8;
export const ICMP_CHECKSUM = 2;
export const ICMP_TYPE = { echoReply: 0, destinationUnreachable: 3, sourceQuench: 4, redirect: 5, echo: 8, timeExceeded: 11, parameterProblem: 12 } as const;
export const UNREACHABLE_CODE = { port: 3, fragmentationNeeded: 4 } as const;

export function type(memory: FrameMemory, off: number): number {
  return memory.u8[off] as number;
}

export function code(memory: FrameMemory, off: number): number {
  return memory.u8[off + 1] as number;
}
