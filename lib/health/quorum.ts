/**
 * keepalived's quorum with hysteresis, in weights (check_ipvs: update_quorum_state). Gained when the live weight reaches quorum + hysteresis,
 * lost when it falls below quorum - hysteresis or to nothing.
 */

export interface Quorum { readonly quorum: number; readonly hysteresis: number }

/** `wasUp` null: nothing is known yet, the service starts. */
export function quorumUp(wasUp: boolean | null, liveWeight: number, { quorum, hysteresis }: Quorum): boolean {
  if (wasUp === true) return liveWeight > 0 && liveWeight >= quorum - hysteresis;
  return liveWeight >= quorum + hysteresis;
}

/** Why it is as it is, in one line. */
export function quorumArithmetic(up: boolean, liveWeight: number, { quorum, hysteresis }: Quorum): string {
  const threshold = up ? quorum - hysteresis : quorum + hysteresis;
  const sum = hysteresis === 0 ? `quorum ${quorum}` : `quorum ${quorum} ${up ? '-' : '+'} hysteresis ${hysteresis} = ${threshold}`;
  return up ? `live weight ${liveWeight} >= ${sum}: up` : `live weight ${liveWeight} < ${sum}: down`;
}

/** keepalived's log words for a change; behind them it says which service. */
export function quorumChangeText(up: boolean, liveWeight: number, { quorum, hysteresis }: Quorum): string {
  return up ? `Gained quorum ${quorum}+${hysteresis}=${quorum + hysteresis} <= ${liveWeight}` : `Lost quorum ${quorum}-${hysteresis}=${quorum - hysteresis} > ${liveWeight}`;
}
