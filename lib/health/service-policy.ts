/**
 * From what is known about a service's servers to what the table must hold: pure. Quorum and hysteresis, sorry server, removal or weight 0,
 * panic, drained and disabled servers meet here and nowhere else; whoever runs it compares the result with the table and applies the
 * difference.
 */
import type { ServicePolicy } from '../model/desired-configuration.ts';
import type { Destination } from '../model/destination.ts';
import type { AdminState } from '../model/health-state.ts';
import { quorumUp } from './quorum.ts';
import { nextSlowStartMs, slowStartWeight } from './slow-start.ts';

export interface ServerInput {
  /** As configured. */
  readonly destination: Destination;
  /** All checks pass. */
  readonly up: boolean;
  /** Weight by checks and load; the configured one otherwise. */
  readonly weight: number;
  readonly inhibitOnFailure: boolean;
  /** Since when it is up, for slow start; null = no slow start. */
  readonly upForMs: number | null;
  readonly admin: AdminState;
}

export interface PolicyDecision {
  readonly quorumUp: boolean;
  readonly liveWeight: number;
  readonly sorryInUse: boolean;
  readonly panic: boolean;
  /** What the service shall have, newest first (the kernel's list order). */
  readonly wanted: readonly Destination[];
  /** When the answer changes by time alone; Infinity: it does not. */
  readonly nextChangeMs: number;
}

export function decide(policy: ServicePolicy, wasUp: boolean | null, servers: readonly ServerInput[]): PolicyDecision {
  const enabled = servers.filter(({ admin }) => admin.state !== 'disabled');
  const liveWeight = sum(enabled.filter(({ up }) => up));
  const panic = policy.panicThreshold > 0 && sum(enabled) > 0 && liveWeight / sum(enabled) < policy.panicThreshold;
  const up = quorumUp(wasUp, panic ? sum(enabled) : liveWeight, policy);
  const { sorryServer } = policy;
  const sorryInUse = !up && sorryServer !== null;
  const replaced = sorryInUse && sorryServer.mode === 'replace';
  let nextChangeMs = Infinity;
  const wanted: Destination[] = [];
  for (const server of enabled) {
    const serves = (server.up || panic) && !replaced;
    if (serves) {
      const weight = effectiveWeight(server);
      if (server.upForMs !== null) nextChangeMs = Math.min(nextChangeMs, nextSlowStartMs(weight, server.upForMs));
      wanted.push({ ...server.destination, weight: server.upForMs === null ? weight : slowStartWeight(weight, server.upForMs) });
    } else if (server.inhibitOnFailure || policy.onFailure === 'quiesce') {
      wanted.push({ ...server.destination, weight: 0 });
    }
  }
  if (sorryServer !== null) withSorry(wanted, sorryServer.destination, sorryInUse, sorryServer.inhibit);
  return { quorumUp: up, liveWeight, sorryInUse, panic, wanted: wanted.reverse(), nextChangeMs };
}

/** What the administrator asked for goes before what checks and load say. */
export function effectiveWeight({ admin, weight }: ServerInput): number {
  return admin.state === 'drained' ? 0 : admin.weight ?? weight;
}

/** A sorry server may be one of the real servers: then it is that entry that serves. */
function withSorry(wanted: Destination[], sorry: Destination, inUse: boolean, inhibit: boolean): void {
  const at = wanted.findIndex(({ address, port }) => address === sorry.address && port === sorry.port);
  if (at >= 0) {
    if (inUse && wanted[at]!.weight === 0) wanted[at] = sorry;
    return;
  }
  if (inUse) wanted.push(sorry);
  else if (inhibit) wanted.push({ ...sorry, weight: 0 });
}

function sum(servers: readonly ServerInput[]): number {
  return servers.reduce((total, server) => total + effectiveWeight(server), 0);
}
