/**
 * What the world is told of health checking, and how: each thing that happens goes as a notice to whom the configuration names (scripts, FIFO, webhook,
 * mail), as an event to those who follow, into the last events that reports show, and into the log. It decides nothing.
 */
import type { HealthClock } from '../health/clock.ts';
import type { ManagedServer, ManagedService } from '../health/managed-service.ts';
import { placeText, serverText, serviceText } from '../health/notice.ts';
import type { Notifier } from '../health/notifier.ts';
import { quorumChangeText } from '../health/quorum.ts';
import type { AdminState, HealthEvent } from '../model/health-state.ts';
import type { AdminRequest } from './health-api.ts';
import type { Log } from './log.ts';

/** Of what happened, this much is kept for reports. */
const KEPT_EVENTS = 100;

export interface AnnouncementsOptions {
  readonly clock: Pick<HealthClock, 'wallMs'>;
  readonly notifier: Pick<Notifier, 'notify'>;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
}

export class HealthAnnouncements {
  readonly #options: AnnouncementsOptions;
  readonly #listeners = new Set<(event: HealthEvent) => void>();
  readonly #timeline: HealthEvent[] = [];

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  /** The last events, oldest first. */
  get timeline(): readonly HealthEvent[] {
    return [...this.#timeline];
  }

  subscribe(listener: (event: HealthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A configuration runs. */
  taken(source: string, services: number, changes: number, removed: number): void {
    const what = `${count(services, 'service')}, ${count(changes, 'change')}`;
    this.#emit({ kind: 'reload', service: '', server: null, state: null, message: `${source}: ${what}${removed === 0 ? '' : `, ${count(removed, 'service')} removed`}` });
    this.#options.log.info(`configuration from ${source}: ${what}`, { source, changes });
  }

  /** A configuration was not taken. */
  refused(source: string, message: string): void {
    this.#emit({ kind: 'problem', service: '', server: null, state: null, message: `${source} was not taken: ${message}` });
  }

  /** Of a service that is up from the start. */
  startsUp({ desired }: ManagedService, server: ManagedServer): void {
    this.#options.notifier.notify({ kind: 'server', up: true, service: desired, server: server.desired, cause: 'starts up' });
  }

  serverChanged(service: ManagedService, server: ManagedServer, up: boolean, cause: string): void {
    const name = this.#serverTold(service, server, up, cause);
    this.#options.log[up ? 'info' : 'warn'](`${up ? 'Adding' : 'Removing'} service ${name} ${up ? 'to' : 'from'} VS ${serviceText(service.desired)}: ${cause}`);
  }

  /** A server that was never up failed for good. */
  stillDown(service: ManagedService, server: ManagedServer, cause: string): void {
    const name = this.#serverTold(service, server, false, cause);
    this.#options.log.warn(`Service ${name} of VS ${serviceText(service.desired)} is not up: ${cause}`);
  }

  weightChanged({ desired }: ManagedService, { desired: server }: ManagedServer, cause: string): void {
    this.#emit({ kind: 'weight', service: serviceText(desired), server: serverText(desired, server), state: null, message: cause });
  }

  /** A server that the configuration does not have any more: as if it had failed. */
  serverRemoved(service: ManagedService, server: ManagedServer, cause: string): void {
    this.#serverTold(service, server, false, cause);
  }

  serviceRemoved({ desired }: ManagedService, cause: string): void {
    this.#options.notifier.notify({ kind: 'service', up: false, service: desired, cause });
    this.#emit({ kind: 'service', service: serviceText(desired), server: null, state: 'down', message: cause });
  }

  /** `notify`: whether scripts and the like hear of it, too. */
  quorumChanged({ desired }: ManagedService, up: boolean, liveWeight: number, cause: string, notify: boolean): void {
    const why = quorumChangeText(up, liveWeight, desired.policy);
    const text = `${why} for VS ${serviceText(desired)}`;
    if (notify) this.#options.notifier.notify({ kind: 'service', up, service: desired, cause: `${why} (${cause})` });
    this.#emit({ kind: 'service', service: serviceText(desired), server: null, state: up ? 'up' : 'down', message: text });
    this.#options.log[up ? 'info' : 'warn'](text);
  }

  sorryChanged({ desired }: ManagedService, inUse: boolean): void {
    this.#emit({ kind: 'sorry', service: serviceText(desired), server: null, state: inUse ? 'up' : 'down', message: inUse ? 'the sorry server serves' : 'the sorry server is not needed' });
  }

  suspended({ desired }: ManagedService, suspended: boolean): void {
    this.#options.log.info(`${suspended ? 'Suspending' : 'Activating'} health checks of VS ${serviceText(desired)}: its address is ${suspended ? 'not ' : ''}on this host`);
  }

  /** Others changed a service of this configuration, and it was put right. */
  putRight({ desired }: ManagedService, what: string, source: string | null): void {
    this.#options.log.warn(`${serviceText(desired)} was changed by others and put right (${what}): change ${source}, or use tsipvs drain, disable, enable, weight`);
    this.#emit({ kind: 'foreign', service: serviceText(desired), server: null, state: null, message: what });
  }

  /** With omega: the director ends, and says so of each server that is up, then of the service. */
  ends({ desired, servers, announcedQuorum }: ManagedService): void {
    const cause = 'the director ends';
    for (const server of servers) if (server.up && !server.desired.disabled) this.#options.notifier.notify({ kind: 'server', up: false, service: desired, server: server.desired, cause });
    // Also one that is down already: so keepalived does.
    if (announcedQuorum !== null) this.#options.notifier.notify({ kind: 'service', up: false, service: desired, cause });
  }

  drained(service: string, { id, address, port }: Pick<AdminRequest, 'id' | 'address' | 'port'>): void {
    this.#emit({ kind: 'drained', service, server: placeText(id, address, port), state: null, message: 'no connection is left' });
  }

  administered(service: string, { id, address, port }: AdminRequest, state: AdminState): void {
    const words = [state.state, ...(state.weight === null ? [] : [`weight ${state.weight}`]), ...(state.checks === 'automatic' ? [] : [`forced ${state.checks}`])];
    this.#emit({ kind: 'admin', service, server: placeText(id, address, port), state: null, message: words.join(', ') });
  }

  problem({ desired }: ManagedService, message: string): void {
    this.#options.log.error(`${serviceText(desired)}: ${message}`);
    this.#emit({ kind: 'problem', service: serviceText(desired), server: null, state: null, message });
  }

  /** As a notice and an event; returns the server's name. */
  #serverTold({ desired }: ManagedService, { desired: server }: ManagedServer, up: boolean, cause: string): string {
    const name = serverText(desired, server);
    this.#options.notifier.notify({ kind: 'server', up, service: desired, server, cause });
    this.#emit({ kind: 'server', service: serviceText(desired), server: name, state: up ? 'up' : 'down', message: cause });
    return name;
  }

  #emit(event: Omit<HealthEvent, 'timeMs'>): void {
    const stamped: HealthEvent = { timeMs: this.#options.clock.wallMs(), ...event };
    this.#timeline.push(stamped);
    if (this.#timeline.length > KEPT_EVENTS) this.#timeline.shift();
    for (const listener of [...this.#listeners]) listener(stamped);
  }
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
