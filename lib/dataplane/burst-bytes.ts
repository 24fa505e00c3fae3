import type { FrameBurst } from '../wire/frame.ts';

/** Bytes of all frames of a burst, from the Ethernet header on. Before the core has them, which may change their lengths. */
export function bytesOf({ len, count }: FrameBurst): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += len[i] as number;
  return bytes;
}
