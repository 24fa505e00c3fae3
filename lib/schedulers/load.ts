/**
 * How loaded a destination is, and comparisons of load per weight without division and without loss: weights reach 2^31 - 1 and
 * loads go past 2^31, so their products pass 2^53, where doubles stop being exact. The kernel multiplies in 64 bits.
 */
import { formatAddress, swap32 } from '../wire/address.ts';
import type { SchedulerDestination } from './scheduler.ts';

/**
 * 256 for every active connection and 1 for every connection (ip_vs_dest_conn_overhead).
 * NB: older kernels add 1 for every inactive one only; the 6.1 stable series counts all, as a question to one showed.
 */
export function connectionLoad(destination: SchedulerDestination): number {
  return destination.activeConns * 256 + (destination.activeConns + destination.inactiveConns);
}

/** a * b > c * d for integers from 0 to 2^53, exactly. */
export function productExceeds(a: number, b: number, c: number, d: number): boolean {
  const left = a * b;
  const right = c * d;
  // Fast path: products that doubles hold exactly, or that differ by more than rounding can hide.
  if ((left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) || Math.abs(left - right) > left * 1e-15 + right * 1e-15) return left > right;
  // Slow path.
  return BigInt(a) * BigInt(b) > BigInt(c) * BigInt(d);
}

/** Neither overloaded nor quiesced. */
export function isAvailable(destination: SchedulerDestination): boolean {
  return destination.weight > 0 && !destination.overloaded;
}

/** Its weight, or 0 when nothing new may go to it. */
export function weightToCompete(destination: SchedulerDestination): number {
  return destination.overloaded || destination.weight < 0 ? 0 : destination.weight;
}

/** "10.1.0.1:80", "[2001:db8:1::1]:80": for explanations. */
export function destinationLabel(destination: SchedulerDestination): string {
  const [w0, w1, w2, w3] = destination.words as unknown as readonly [number, number, number, number];
  return destination.family === 4
    ? `${formatAddress(4, swap32(w3), 0, 0, 0)}:${destination.port}`
    : `[${formatAddress(6, swap32(w0), swap32(w1), swap32(w2), swap32(w3))}]:${destination.port}`;
}

/** Why a destination is passed over, or '' if it is not. */
export function unavailableBecause(destination: SchedulerDestination): string {
  return destination.weight <= 0 ? 'weight 0' : destination.overloaded ? 'overloaded' : '';
}
