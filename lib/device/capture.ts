/**
 * A capture in memory: the file's bytes, and where in them each frame lies and when it was seen. Made by capture-reader.ts, fed to the
 * pcap-file device. Only Ethernet; anything else is refused with one line.
 */
import { LvsError } from '../model/errors.ts';

/** One captured frame: bytes [off, off + len) of the file. Time is exact as (seconds, nanoseconds) since 1970. */
export interface CapturedFrame {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly off: number;
  readonly len: number;
  /** Length on the wire; more than len where the capture's snap length cut the frame. */
  readonly originalLength: number;
  /** Index into Capture.interfaces. */
  readonly interface: number;
}

export interface Capture {
  readonly bytes: Uint8Array;
  readonly frames: readonly CapturedFrame[];
  /** Interface names; one empty name where the format has none. */
  readonly interfaces: readonly string[];
}

export const LINKTYPE_ETHERNET = 1;
export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Nothing on Ethernet is longer, super-frames included; a greater length means a damaged file. */
export const LONGEST_FRAME = 0x40000;

/** What captures that are not Ethernet most often are, and what to do. */
const OTHER_LINK_TYPES: Readonly<Record<number, string>> = {
  0: 'BSD loopback', 101: 'raw IP', 105: 'Wi-Fi', 113: 'Linux cooked, from "-i any": capture on one interface instead', 276: 'Linux cooked v2, from "-i any": capture on one interface instead',
};

export function checkLinkType(linkType: number, name: string): void {
  if (linkType === LINKTYPE_ETHERNET) return;
  const known = OTHER_LINK_TYPES[linkType];
  throw damaged(name, `not an Ethernet capture (link type ${linkType}${known === undefined ? '' : `, ${known}`})`);
}

export function damaged(name: string, what: string): LvsError {
  return new LvsError('BadRequest', `${name}: ${what}`);
}
