/**
 * A shadow scheduler: beside a live service it keeps a copy of it, with another scheduler, in Services of its own that get the same edits, and lets that
 * choose for every first packet. Nothing is sent anywhere. What it chose is counted at the copy's destinations for as long as the real connection
 * lives, becomes active and ends, thresholds included, so the shadow's load is what the live one would have been, given that connections live as long elsewhere.
 * It begins where the live scheduler stands: connections and persistence templates from before count as they lie.
 */
import type { ShadowReport, ShadowRequest, ShadowSide } from '../model/shadow-report.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { serviceKey, type VirtualService } from '../model/virtual-service.ts';
import type { SchedulerEnvironment, SchedulerFactory } from '../schedulers/scheduler.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import { Counters } from './estimator.ts';
import type { Flow } from './flow.ts';
import type { FlowObserver } from './flow-observer.ts';
import { engineKey } from './persistence.ts';
import { ReturningClients } from './returning-clients.ts';
import type { ServiceEntry } from './service-entry.ts';
import { Services } from './services.ts';

/** In `chosen`: as the live director has it. */
const AS_LIVE = 0;
const NOBODY = -1;

interface Side { flows: number; peakConns: number; timesOverloaded: number; overloaded: boolean }

interface Pair { address: string; port: number; shadow: DestinationEntry; liveEntry: DestinationEntry; readonly live: Side; readonly mine: Side }

interface Remembered { destination: DestinationEntry; template: number }

export class Shadow implements FlowObserver {
  readonly #core: CoreContext;
  readonly #key: string;
  readonly #request: ShadowRequest;
  readonly #services: Services;
  readonly #startMs: number;
  /** By connection: AS_LIVE, NOBODY, or the slot of the shadow's destination + 1. */
  readonly #chosen: Int32Array;
  /** By address and port; stays when a destination is removed. */
  readonly #pairs = new Map<string, Pair>();
  /** The shadow's persistence: by the identity of a template, and which identity each live template has. */
  readonly #remembered = new Map<string, Remembered>();
  readonly #identities = new Map<number, string>();
  readonly #clients = new ReturningClients();
  #flows = 0;
  #elsewhere = 0;
  #liveRefused = 0;
  #shadowRefused = 0;
  #deleted = false;

  /** `live`: the service as it stands. */
  constructor(core: CoreContext, live: ServiceEntry, request: ShadowRequest, random: () => number, schedulers?: Readonly<Record<string, SchedulerFactory>>) {
    this.#core = core;
    this.#key = live.key;
    this.#request = request;
    this.#startMs = core.nowMs;
    this.#chosen = new Int32Array(core.connections.capacity);
    const env: SchedulerEnvironment = { now: () => core.nowMs, random, sysctl: (name) => core.sysctl[name], explain: null };
    this.#services = new Services(new Counters(), env, schedulers);
    this.#services.addService(this.#shadowed({
      id: live.id, scheduler: '', schedFlags: 0, persistenceSec: live.persistenceMs / 1000, persistenceMask: live.family === 4 ? '255.255.255.255' : '128',
      persistenceEngine: live.persistenceEngine, onePacket: live.onePacket,
    }));
    for (const each of [...live.destinations].reverse()) this.#copy(each);
  }

  scheduled(service: ServiceEntry, flow: Flow, conn: number): void {
    if (service.key !== this.#key || this.#deleted) return;
    const live = conn < 0 ? null : this.#liveDestination(conn);
    const mine = this.#choose(service, flow, conn, live);
    this.#flows++;
    if (live === null) this.#liveRefused++;
    if (mine === null) this.#shadowRefused++;
    if (live?.address !== mine?.address || live?.port !== mine?.port) this.#elsewhere++;
    this.#clients.came(flow, live, mine);
    if (conn >= 0) {
      this.#chosen[conn] = mine === null ? NOBODY : mine.slot + 1;
      mine?.bound(false, (this.#flagsOf(conn) & at.CONN_INACTIVE) !== 0);
    }
    if (live !== null) given(this.#pair(live)?.live, live);
    if (mine !== null) given(this.#pair(mine)?.mine, mine);
  }

  adopted(conn: number): void {
    const live = this.#liveDestination(conn);
    if (live?.service.key !== this.#key) return;
    const control = this.#core.connections.controlOf(conn);
    const mine = control >= 0 && (this.#flagsOf(control) & at.CONN_TEMPLATE) === 0 ? this.#mine(control) : this.#pair(live)?.shadow ?? null;
    this.#chosen[conn] = mine === null ? NOBODY : mine.slot + 1;
    mine?.bound(false, (this.#flagsOf(conn) & at.CONN_INACTIVE) !== 0);
  }

  activity(conn: number, active: boolean): void {
    const mine = this.#mine(conn);
    // NB: what was counted before a destination was removed, and the shadow began, is not known here.
    if (mine !== null && (active ? mine.inactiveConns : mine.activeConns) > 0) mine.moved(active);
  }

  ended(conn: number): void {
    const flags = this.#flagsOf(conn);
    if ((flags & at.CONN_TEMPLATE) !== 0) return this.#forgetTemplate(conn);
    const mine = this.#mine(conn);
    this.#chosen[conn] = AS_LIVE;
    if (mine === null) return;
    const inactive = (flags & at.CONN_INACTIVE) !== 0;
    if ((inactive ? mine.inactiveConns : mine.activeConns) > 0) mine.unbound(false, inactive);
    if (!mine.overloaded) this.#settle(mine);
  }

  edited(edit: TableEdit): void {
    switch (edit.op) {
      case 'flush':
        this.#deleted = true;
        return;
      case 'deleteService':
        if (serviceKey(edit.id) === this.#key) this.#deleted = true;
        return;
      case 'editService':
        if (this.#isMine(serviceKey(edit.service.id))) this.#services.editService(this.#shadowed(edit.service));
        return;
      case 'addDestination': {
        if (!this.#isMine(serviceKey(edit.id))) return;
        const { address, port } = edit.destination;
        this.#services.addDestination(edit.id, edit.destination);
        const live = this.#live()?.destinations.find((each) => each.address === address && each.port === port);
        const shadow = this.#entry().destinations[0] as DestinationEntry;
        if (live !== undefined) this.#join(live, shadow);
        this.#changed(`${label(address, port)} added`);
        return;
      }
      case 'editDestination': {
        if (!this.#isMine(serviceKey(edit.id))) return;
        this.#services.editDestination(edit.id, edit.destination);
        this.#changed(`${label(edit.destination.address, edit.destination.port)} weight ${edit.destination.weight}`);
        return;
      }
      case 'deleteDestination':
        if (!this.#isMine(serviceKey(edit.id))) return;
        this.#services.deleteDestination(edit.id, edit.address, edit.port);
        this.#changed(`${label(edit.address, edit.port)} removed`);
    }
  }

  housekeep(): void {
    const entry = this.#entry();
    entry.scheduler.expire(entry);
    this.#services.emptyTrash(this.#core.nowMs);
  }

  report(): ShadowReport {
    const live = this.#live();
    const { scheduler, schedFlags } = this.#request;
    const present = new Map(this.#entry().destinations.map((each, place) => [each, place]));
    const pairs = [...this.#pairs.values()].sort((a, b) => (present.get(a.shadow) ?? Infinity) - (present.get(b.shadow) ?? Infinity) || 0);
    return {
      service: this.#key,
      live: { scheduler: live?.schedulerName ?? '', schedFlags: live?.schedFlags ?? 0, refused: this.#liveRefused },
      shadow: { scheduler, schedFlags, refused: this.#shadowRefused },
      elapsedMs: Math.round(this.#core.nowMs - this.#startMs),
      flows: this.#flows,
      elsewhere: this.#elsewhere,
      clients: this.#clients.total,
      destinations: pairs.map(({ address, port, shadow, liveEntry, live: side, mine }) => ({
        address, port, weight: shadow.weight, upperThreshold: shadow.upperThreshold, removed: !present.has(shadow),
        live: sideReport(side, liveEntry), shadow: sideReport(mine, shadow),
      })),
      changes: this.#clients.changes,
      ended: this.#deleted ? 'deleted' : null,
    };
  }

  /** As the live scheduling does it: a template that leads somewhere usable, else the scheduler. */
  #choose(service: ServiceEntry, flow: Flow, conn: number, live: DestinationEntry | null): DestinationEntry | null {
    const entry = this.#entry();
    if (service.persistenceMs === 0) return service.fwmark === 0 && flow.virtualPort !== service.rawPort ? null : entry.scheduler.schedule(entry, flow);
    const { decision, templateFlow, connections, sysctl } = this.#core;
    const identity = engineKey(templateFlow, decision.engineData ?? '');
    const known = this.#remembered.get(identity);
    const template = conn < 0 ? -1 : connections.controlOf(conn);
    let destination: DestinationEntry | null;
    if (known !== undefined && known.destination.available && !(sysctl.expire_quiescent_template !== 0 && known.destination.weight === 0)) destination = known.destination;
    else if (known === undefined && live !== null && !decision.makesTemplate) destination = this.#pair(live)?.shadow ?? null;
    else destination = entry.scheduler.schedule(entry, flow);
    if (template >= 0 && destination !== null) {
      this.#remembered.set(identity, { destination, template });
      this.#identities.set(template, identity);
    }
    return destination;
  }

  #forgetTemplate(conn: number): void {
    const identity = this.#identities.get(conn);
    if (identity === undefined) return;
    this.#identities.delete(conn);
    if (this.#remembered.get(identity)?.template === conn) this.#remembered.delete(identity);
  }

  /** The shadow's destination of a connection that has one. */
  #mine(conn: number): DestinationEntry | null {
    const chosen = this.#chosen[conn] as number;
    if (chosen > 0) return this.#services.destinations[chosen - 1] ?? null;
    if (chosen === NOBODY) return null;
    const live = this.#liveDestination(conn);
    return live === null || live.service.key !== this.#key ? null : this.#pair(live)?.shadow ?? null;
  }

  #flagsOf(conn: number): number {
    return this.#core.connections.words[conn * at.CONN_WORDS + at.STATE] as number;
  }

  #liveDestination(conn: number): DestinationEntry | null {
    return this.#core.services.destinations[this.#core.connections.words[conn * at.CONN_WORDS + at.DESTINATION] as number] ?? null;
  }

  #live(): ServiceEntry | undefined {
    return this.#core.services.byKey.get(this.#key);
  }

  #entry(): ServiceEntry {
    return this.#services.byKey.get(this.#key) as ServiceEntry;
  }

  #isMine(key: string): boolean {
    return key === this.#key && !this.#deleted;
  }

  #shadowed(config: VirtualService): VirtualService {
    return { ...config, scheduler: this.#request.scheduler, schedFlags: this.#request.schedFlags };
  }

  #pair({ address, port }: { readonly address: string; readonly port: number }): Pair | undefined {
    return this.#pairs.get(label(address, port));
  }

  #copy(live: DestinationEntry): void {
    const { address, port, method, tunnel, weight, lastWeight, upperThreshold, lowerThreshold } = live;
    const { id } = this.#entry();
    const config = { address, port, method, tunnel, weight: lastWeight, upperThreshold, lowerThreshold };
    this.#services.addDestination(id, config);
    if (weight !== lastWeight) this.#services.editDestination(id, { ...config, weight });
    const shadow = this.#entry().destinations[0] as DestinationEntry;
    shadow.activeConns = live.activeConns;
    shadow.inactiveConns = live.inactiveConns;
    shadow.overloaded = live.overloaded;
    this.#entry().scheduler.loaded(shadow);
    this.#join(live, shadow);
  }

  #join(liveEntry: DestinationEntry, shadow: DestinationEntry): void {
    const { address, port } = shadow;
    const side = (entry: DestinationEntry): Side => ({ flows: 0, peakConns: entry.connections, timesOverloaded: 0, overloaded: entry.overloaded });
    const known = this.#pair(shadow);
    if (known === undefined) this.#pairs.set(label(address, port), { address, port, shadow, liveEntry, live: side(liveEntry), mine: side(shadow) });
    else Object.assign(known, { shadow, liveEntry });
  }

  #settle(shadow: DestinationEntry): void {
    const pair = this.#pair(shadow);
    if (pair !== undefined) pair.mine.overloaded = false;
  }

  #changed(text: string): void {
    this.#clients.change(this.#core.nowMs - this.#startMs, text);
  }
}

/** A flow went to `entry`, which counts it already. */
function given(side: Side | undefined, entry: DestinationEntry): void {
  if (side === undefined) return;
  side.flows++;
  if (entry.connections > side.peakConns) side.peakConns = entry.connections;
  if (entry.overloaded && !side.overloaded) side.timesOverloaded++;
  side.overloaded = entry.overloaded;
}

function sideReport({ flows, peakConns, timesOverloaded }: Side, { activeConns, inactiveConns }: DestinationEntry): ShadowSide {
  return { flows, activeConns, inactiveConns, peakConns, timesOverloaded };
}

function label(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
