/**
 * What administrators asked of single destinations (drained, disabled, another weight, forced state): kept apart from configuration and
 * checks, so that it outlasts both. Only what differs from the normal is remembered.
 */
import { destinationKey } from '../model/destination.ts';
import { NO_ADMIN_STATE, type AdminState } from '../model/health-state.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';

export class AdminOverrides {
  readonly #states = new Map<string, AdminState>();

  of(service: ServiceId, serverKey: string): AdminState {
    return this.#states.get(`${serviceKey(service)} ${serverKey}`) ?? NO_ADMIN_STATE;
  }

  change(service: ServiceId, serverKey: string, changes: Partial<AdminState>): void {
    const key = `${serviceKey(service)} ${serverKey}`;
    const state = { ...this.of(service, serverKey), ...changes };
    if (state.state === 'enabled' && state.weight === null && state.checks === 'automatic') this.#states.delete(key);
    else this.#states.set(key, state);
  }

  drained(service: ServiceId, address: string, port: number): boolean {
    return this.of(service, destinationKey(address, port)).state === 'drained';
  }
}
