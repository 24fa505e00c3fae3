/**
 * What the fast path needs to know beyond connections, next hops and destinations, as words of one array: whoever owns a value writes it there
 * (Network its generation, publish() the rest after every edit), and the fast path reads nothing else, so that it can run beside its owner's thread.
 */
import { TCP_STATE } from '../model/conn-state.ts';
import type { CoreContext } from './core-context.ts';

/** Grows whenever cached next-hop indices must be looked up again. */
export const GENERATION = 0;
export const FORWARDING4 = 1;
/** Whether there is any service of IPv4. */
export const ACTIVE4 = 2;
/** Timeouts of UDP and of established TCP, ms. */
export const UDP_MS = 3, TCP_MS = 4;
export const PMTU_DISC = 5;
/** Somebody looks at every packet, or takes part: a trace, the sync master, a backup daemon. All frames take the walk. */
export const WALK_ALL = 6;
/**
 * The upper 30 bits of a stamp that holds (connection-layout.ts). Moves on when something changes that stamps vouch for and that is not the connection's own: timeouts,
 * routes, forwarding, a destination that is taken out or tunnels otherwise.
 */
export const EPOCH = 7;
/** The lower two bits of a stamp: what is done with packets of its entry. */
export const STAMP_NAT = 1, STAMP_DIRECT = 2, STAMP_TUNNEL = 3, STAMP_KINDS = 3;
const EPOCH_STEP = 4;
const FIRST_EPOCH = EPOCH_STEP, LAST_EPOCH = 1 << 30;
/** As FORWARDING4 and ACTIVE4, of IPv6. */
export const FORWARDING6 = 9, ACTIVE6 = 10;
/** Version of where the index lies (plane-share.ts). */
export const INDEX_VERSION = 8;
/** The owner is about to sleep, or does: who has something for it wakes it. */
export const OWNER_SLEEPS = 32;
/** Last IPv4 identification given out. In a cache line of its own, because packets write it. */
export const IDENTIFICATION = 16;
export const FAST_STATE_WORDS = 64;

/** A new IPv4 identification, raw. Shared: no other thread gets the same. */
export function nextIdentification(state: Int32Array, shared: boolean): number {
  if (shared) return (Atomics.add(state, IDENTIFICATION, 1) + 1) & 0xffff;
  const next = ((state[IDENTIFICATION] as number) + 1) & 0xffff;
  state[IDENTIFICATION] = next;
  return next;
}

/** No stamp holds any more. */
export function nextEpoch(state: Int32Array): void {
  state[EPOCH] = (state[EPOCH] as number) + EPOCH_STEP | 0;
}

/** Numbers run out some day: then every stamp has to be forgotten before an old one can hold again. */
export function isLateEpoch(state: Int32Array): boolean {
  return (state[EPOCH] as number) > LAST_EPOCH || (state[EPOCH] as number) < FIRST_EPOCH;
}

/** Once there is no stamp left. */
export function resetEpoch(state: Int32Array): void {
  state[EPOCH] = FIRST_EPOCH;
}

/** After every change to what the walk goes by. */
export function publish(core: CoreContext): void {
  const { state } = core.network;
  const { services } = core;
  if (state[UDP_MS] !== core.timeouts.udp || state[TCP_MS] !== core.timeouts.tcp[TCP_STATE.ESTABLISHED] || services.unstamped) nextEpoch(state);
  services.unstamped = false;
  state[ACTIVE4] = services.count4 > 0 ? 1 : 0;
  state[ACTIVE6] = services.count6 > 0 ? 1 : 0;
  state[UDP_MS] = core.timeouts.udp;
  state[TCP_MS] = core.timeouts.tcp[TCP_STATE.ESTABLISHED] as number;
  state[PMTU_DISC] = core.sysctl.pmtu_disc;
  state[WALK_ALL] = core.trace !== null || core.sync.master !== null || core.backupDaemon || (core.network.shared && services.outgrown) ? 1 : 0;
}
