/** Direct routing and cache bypass: the packet goes on as it is, TTL decremented, to the next hop of the real server (ip_vs_dr_xmit, ip_vs_bypass_xmit). */
import type { CoreContext } from '../core-context.ts';
import type { Packet } from '../packet.ts';
import { CONTINUE, TRANSMIT, type Verdict } from '../verdict.ts';
import { leaveByIpvs } from './out-route.ts';

export function forwardDirect(p: Packet, hop: number, core: CoreContext): Verdict {
  const verdict = leaveByIpvs(p, core.network.mtuOf(hop), false, core);
  if (verdict !== CONTINUE) return verdict;
  core.network.sendPacket(p, hop, core.sink);
  return TRANSMIT;
}
