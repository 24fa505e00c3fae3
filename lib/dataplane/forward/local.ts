/**
 * The director itself is the real server: the packet goes to its own stack, with NAT rewritten first. TTL and MTU are not looked at. NAT to a loopback
 * address from outside is refused, as the kernel refuses it.
 */
import { INTERFACE_LOCAL } from '../../wire/frame.ts';
import { DROP } from '../../model/drop-reason.ts';
import * as at from '../connection-layout.ts';
import type { CoreContext } from '../core-context.ts';
import type { Packet } from '../packet.ts';
import { DELIVER, DROP as DROPPED, type Verdict } from '../verdict.ts';
import { rewrite } from './nat.ts';

/** The last raw word of ::1. */
const IPV6_LOOPBACK_WORD = 0x01000000;

export function deliverLocally(p: Packet, conn: number, method: number, core: CoreContext): Verdict {
  if (method === at.METHOD.bypass) return dropped(core, DROP.noRoute);
  if (method !== at.METHOD.masq) return DELIVER;
  if (p.interfaceIdx !== INTERFACE_LOCAL && isLoopback(core.connections.cold, conn * at.COLD_WORDS + at.DESTINATION_ADDRESS, p.family)) {
    return dropped(core, DROP.destinationLoopback);
  }
  if ((core.connections.words[conn * at.CONN_WORDS + at.STATE]! & at.CONN_HELPER) !== 0 && !core.ftp.toServer(p, conn, core)) return DROPPED;
  rewrite(core.connections, conn * 2, p);
  return DELIVER;
}

export function isLoopback(words: ArrayLike<number>, begin: number, family: 4 | 6): boolean {
  if (family === 4) return ((words[begin] as number) & 0xff) === 127;
  return words[begin] === 0 && words[begin + 1] === 0 && words[begin + 2] === 0 && words[begin + 3] === IPV6_LOOPBACK_WORD;
}

function dropped(core: CoreContext, reason: number): Verdict {
  core.drops[reason]!++;
  return DROPPED;
}
