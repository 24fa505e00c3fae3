/**
 * Drain, disable, enable and weight for services that no configuration file manages: plain commands to the table, with what the destination
 * was before kept so that enable can put it back.
 */
import type { ControlCommand } from '../model/control-command.ts';
import { destinationKey, type Destination } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import { NO_ADMIN_STATE, type AdminState } from '../model/health-state.ts';
import { serviceKey, type ServiceId } from '../model/virtual-service.ts';
import type { ApiCaller } from './api/message.ts';
import type { AdminRequest } from './health-api.ts';
import type { ServiceTable } from './service-table.ts';

interface Remembered { readonly before: Destination; readonly state: AdminState['state'] }

export class UnmanagedAdmin {
  readonly #api: ApiCaller;
  readonly #table: Pick<ServiceTable, 'service'>;
  readonly #remembered = new Map<string, Remembered>();

  constructor(api: ApiCaller, table: Pick<ServiceTable, 'service'>) {
    this.#api = api;
    this.#table = table;
  }

  async administer({ id, address, port, state, weight, checks }: AdminRequest): Promise<AdminState> {
    const key = `${serviceKey(id)} ${destinationKey(address, port)}`;
    if (checks !== undefined) throw new LvsError('InvalidOperation', `${key} has no checks to override: it is not in the configuration file`);
    const configured = this.#table.service(id);
    if (configured === undefined) throw new LvsError('NoSuchService', `no service ${serviceKey(id)}`);
    const present = configured.destinations.find((one) => one.address === address && one.port === port);
    const remembered = this.#remembered.get(key);
    const known = remembered?.before ?? present;
    if (known === undefined) throw new LvsError('NoSuchDestination', `${serviceKey(id)} has no destination ${destinationKey(address, port)}`);
    const wanted = state ?? (present === undefined ? 'disabled' : remembered?.state ?? 'enabled');
    const before = weight === undefined || weight === null ? known : { ...known, weight };
    await this.#apply(id, before, present, wanted);
    if (wanted === 'enabled') this.#remembered.delete(key);
    else this.#remembered.set(key, { before, state: wanted });
    return { ...NO_ADMIN_STATE, state: wanted, weight: weight ?? null };
  }

  async #apply(id: ServiceId, before: Destination, present: Destination | undefined, wanted: AdminState['state']): Promise<void> {
    const command = commandFor(id, before, present, wanted);
    if (command === null) return;
    const [result] = (await this.#api.call('apply', { commands: [command] })).results;
    if (result !== undefined && !result.ok) throw new LvsError(result.error.code, result.error.message);
  }
}

function commandFor(id: ServiceId, before: Destination, present: Destination | undefined, wanted: AdminState['state']): ControlCommand | null {
  if (wanted === 'disabled') return present === undefined ? null : { op: 'deleteDestination', id, address: before.address, port: before.port };
  const destination = wanted === 'drained' ? { ...before, weight: 0 } : before;
  return { op: present === undefined ? 'addDestination' : 'editDestination', id, destination };
}
