/**
 * Virtual services and their destinations, and how a packet finds one (ip_vs_service_find): the firewall mark first, then protocol,
 * address and port, then for TCP the FTP service of that address, then port 0. Runs on first packets and on packets that are not ours, so it allocates nothing, but
 * it is ordinary code: a Map from an integer to a short chain.
 *
 * Per destination the hit path needs eight integers without touching an object; they lie in `slots`, from word 8s on:
 *
 *     AVAILABLE   COUNTERS first counter of the destination   SERVICE_COUNTERS first of its service   TUNNEL raw address of an IPIP tunnel over IPv4, else 0
 *     IN          packets, bytes from the client in the burst at hand   OUT the same to it (account.ts)
 */
import { hashWords } from '../structures/seeded-hash.ts';
import { IPPROTO } from '../model/protocol.ts';
import { serviceKey, type ServiceId, type VirtualService } from '../model/virtual-service.ts';
import type { Destination, TunnelType } from '../model/destination.ts';
import { SCHEDULERS } from '../schedulers/index.ts';
import type { SchedulerEnvironment, SchedulerFactory } from '../schedulers/scheduler.ts';
import { swap16 } from '../wire/address.ts';
import { DestinationEntry } from './destination-entry.ts';
import { COUNTERS, type Counters } from './estimator.ts';
import { RealServers } from './real-servers.ts';
import { ServiceEntry } from './service-entry.ts';

export const SLOT_WORDS = 8, SLOT_SHIFT = 3;
export const SLOT_AVAILABLE = 0, SLOT_COUNTERS = 1, SLOT_SERVICE_COUNTERS = 2, SLOT_TUNNEL = 3, SLOT_IN = 4, SLOT_OUT = 6;

const FTP_PORT = 21;
const FTP_DATA_PORT = 20;
/** First port an ordinary user may bind (net.ipv4.ip_unprivileged_port_start). */
const UNPRIVILEGED_PORT = 1024;
/** How long a removed destination is kept after nothing points to it any more (IP_VS_DEST_TRASH_PERIOD). */
const TRASH_PERIOD_MS = 120_000;

export class Services {
  /** Services in the order they were added. */
  readonly byKey = new Map<string, ServiceEntry>();
  /** By slot; holes are free. */
  readonly destinations: (DestinationEntry | undefined)[] = [];
  slots: Int32Array;
  /** Told before a destination's packets are no longer counted, or for another service. */
  onRecount: ((slot: number) => void) | null = null;
  /** Gives back the counters of a service that is gone; forwarders may have something to add to them yet. */
  releaseCounters: (block: number) => void;
  /** A destination was taken out, or tunnels otherwise now: stamps say what is no longer so. Cleared by publish(). */
  unstamped = false;
  /** There are more than `slots` had room for in the beginning. */
  outgrown = false;
  readonly realServers = new RealServers();
  /** Services of each family. Packets of a family without any are not looked at: the kernel has no hooks there (ip_vs_unregister_hooks). */
  count4 = 0;
  count6 = 0;
  readonly #buckets = new Map<number, ServiceEntry>();
  readonly #marks = new Map<number, ServiceEntry>();
  /** Virtual addresses and how many services each has; by hash. */
  readonly #virtualAddresses = new Map<number, number>();
  readonly #trash = new Map<string, DestinationEntry>();
  readonly #freeSlots: number[] = [];
  readonly #counters: Counters;
  readonly #env: SchedulerEnvironment;
  readonly #schedulers: Readonly<Record<string, SchedulerFactory>>;
  #ftpServices = 0;
  #portZeroServices = 0;

  /** `slots`: memory for the most destinations that forwarders can know. */
  constructor(counters: Counters, env: SchedulerEnvironment, schedulers: Readonly<Record<string, SchedulerFactory>> = SCHEDULERS, slots: Int32Array = new Int32Array(SLOT_WORDS * 64)) {
    this.slots = slots;
    this.#counters = counters;
    this.releaseCounters = (block) => counters.release(block);
    this.#env = env;
    this.#schedulers = schedulers;
  }

  /** Whether there is any service at all. */
  get active(): boolean {
    return this.count4 + this.count6 > 0;
  }

  get markServices(): number {
    return this.#marks.size;
  }

  /** The service for a packet to this raw address and port, with this firewall mark, or null. */
  find(family: 4 | 6, mark: number, protocol: number, w0: number, w1: number, w2: number, w3: number, rawPort: number): ServiceEntry | null {
    if (mark !== 0) {
      const service = this.#marks.get(markKey(family, mark));
      if (service !== undefined) return service;
    }
    let service = this.#exact(family, protocol, w0, w1, w2, w3, rawPort);
    if (service !== null) return service;
    if (protocol === IPPROTO.tcp && this.#ftpServices > 0) {
      const port = swap16(rawPort);
      if (port === FTP_DATA_PORT || port >= UNPRIVILEGED_PORT) service = this.#exact(family, protocol, w0, w1, w2, w3, swap16(FTP_PORT));
    }
    if (service === null && this.#portZeroServices > 0) service = this.#exact(family, protocol, w0, w1, w2, w3, 0);
    return service;
  }

  /** Whether some service has this virtual address (hash only: a rare false yes does no harm, it only looks closer). */
  hasVirtualAddress(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#virtualAddresses.has(addressKey(family, w0, w1, w2, w3));
  }

  /** Whether a destination with this address is reached by a tunnel of this type and, for gue, to this port (ip_vs_find_tunnel). */
  hasTunnel(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, type: TunnelType, port: number): boolean {
    for (const service of this.byKey.values()) {
      for (const { method, family: own, raw, tunnel } of service.destinations) {
        if (method === 'tunnel' && own === family && tunnel.type === type && (type !== 'gue' || tunnel.port === port) && sameWords(raw, w0, w1, w2, w3)) return true;
      }
    }
    return false;
  }

  get(id: ServiceId): ServiceEntry | undefined {
    return this.byKey.get(serviceKey(id));
  }

  addService(config: VirtualService): void {
    const service = new ServiceEntry(config, this.#counters.allocate());
    service.configure(config, this.#env, this.#schedulers);
    this.byKey.set(service.key, service);
    if (service.family === 4) this.count4++;
    else this.count6++;
    if (service.fwmark !== 0) {
      this.#marks.set(markKey(service.family, service.fwmark), service);
      return;
    }
    const key = this.#keyOf(service);
    service.next = this.#buckets.get(key) ?? null;
    this.#buckets.set(key, service);
    this.#count(service, 1);
  }

  editService(config: VirtualService): void {
    this.get(config.id)?.configure(config, this.#env, this.#schedulers);
  }

  deleteService(id: ServiceId): void {
    const service = this.get(id);
    if (service === undefined) return;
    for (const destination of service.destinations.splice(0)) this.#retire(destination);
    this.byKey.delete(service.key);
    if (service.family === 4) this.count4--;
    else this.count6--;
    this.releaseCounters(service.counters);
    if (service.fwmark !== 0) {
      this.#marks.delete(markKey(service.family, service.fwmark));
      return;
    }
    this.#unchain(service);
    this.#count(service, -1);
  }

  addDestination(id: ServiceId, config: Destination): void {
    const service = this.get(id);
    if (service === undefined) return;
    const destination = this.#revive(service, config) ?? this.#create(service, config);
    destination.configure(config, true);
    destination.available = true;
    destination.idleSinceMs = 0;
    this.#writeSlot(destination);
    this.realServers.add(destination);
    service.destinations.unshift(destination);
    service.scheduler.added(service, destination);
  }

  editDestination(id: ServiceId, config: Destination): void {
    const service = this.get(id);
    const destination = service?.destinations.find((each) => each.address === config.address && each.port === config.port);
    if (service === undefined || destination === undefined) return;
    this.realServers.remove(destination);
    destination.configure(config, false);
    this.#writeSlot(destination);
    this.realServers.add(destination);
    service.scheduler.edited(service, destination);
  }

  deleteDestination(id: ServiceId, address: string, port: number): void {
    const service = this.get(id);
    if (service === undefined) return;
    const position = service.destinations.findIndex((each) => each.address === address && each.port === port);
    if (position < 0) return;
    const [destination] = service.destinations.splice(position, 1) as [DestinationEntry];
    this.#retire(destination);
    service.scheduler.removed(service, destination, position);
  }

  /** Forget removed destinations that nothing has pointed to for two minutes (ip_vs_dest_trash_expire); call about once a minute. */
  emptyTrash(nowMs: number): void {
    for (const [key, destination] of this.#trash) {
      if (destination.referenced) continue;
      if (destination.idleSinceMs === 0) destination.idleSinceMs = Math.max(nowMs, 1);
      else if (nowMs - destination.idleSinceMs >= TRASH_PERIOD_MS) {
        this.#trash.delete(key);
        this.#counters.release(destination.counters);
        this.destinations[destination.slot] = undefined;
        this.#freeSlots.push(destination.slot);
      }
    }
  }

  #create(service: ServiceEntry, config: Destination): DestinationEntry {
    const slot = this.#freeSlots.pop() ?? this.destinations.length;
    if ((slot + 1) * SLOT_WORDS > this.slots.length) {
      const wider = new Int32Array(this.slots.length * 2);
      wider.set(this.slots);
      this.slots = wider;
      this.outgrown = true;
    }
    const destination = new DestinationEntry(slot, this.#counters.allocate(), service, config);
    this.destinations[slot] = destination;
    return destination;
  }

  /** The same destination of the same service, taken out of the trash with its connections and, unless the service was made anew, counters. */
  #revive(service: ServiceEntry, config: Destination): DestinationEntry | null {
    const key = trashKey(service, config.address, config.port);
    const destination = this.#trash.get(key);
    if (destination === undefined) return null;
    this.#trash.delete(key);
    this.onRecount?.(destination.slot);
    if (destination.service !== service) {
      this.#counters.zero(destination.counters);
      destination.service = service;
    }
    return destination;
  }

  #retire(destination: DestinationEntry): void {
    this.realServers.remove(destination);
    this.onRecount?.(destination.slot);
    destination.available = false;
    this.#writeSlot(destination);
    this.#trash.set(trashKey(destination.service, destination.address, destination.port), destination);
  }

  #writeSlot(destination: DestinationEntry): void {
    const at = destination.slot * SLOT_WORDS;
    const tunnel = destination.tunnel.type === 'ipip' && destination.family === 4 ? destination.raw[0] as number : 0;
    if (this.slots[at + SLOT_AVAILABLE] !== 0 && (!destination.available || this.slots[at + SLOT_TUNNEL] !== tunnel)) this.unstamped = true;
    this.slots[at + SLOT_AVAILABLE] = destination.available ? 1 : 0;
    this.slots[at + SLOT_COUNTERS] = destination.counters * COUNTERS;
    this.slots[at + SLOT_SERVICE_COUNTERS] = destination.service.counters * COUNTERS;
    this.slots[at + SLOT_TUNNEL] = tunnel;
  }

  #exact(family: 4 | 6, protocol: number, w0: number, w1: number, w2: number, w3: number, rawPort: number): ServiceEntry | null {
    let service = this.#buckets.get(exactKey(family, protocol, w0, w1, w2, w3, rawPort)) ?? null;
    while (service !== null) {
      if (service.family === family && service.protocol === protocol && service.rawPort === rawPort && sameWords(service.raw, w0, w1, w2, w3)) return service;
      service = service.next;
    }
    return null;
  }

  #keyOf(service: ServiceEntry): number {
    const [w0, w1, w2, w3] = service.raw as unknown as [number, number, number, number];
    return exactKey(service.family, service.protocol, w0, w1, w2, w3, service.rawPort);
  }

  #unchain(service: ServiceEntry): void {
    const key = this.#keyOf(service);
    const head = this.#buckets.get(key) ?? null;
    if (head === service) {
      if (service.next === null) this.#buckets.delete(key);
      else this.#buckets.set(key, service.next);
      return;
    }
    for (let each = head; each !== null; each = each.next) {
      if (each.next === service) each.next = service.next;
    }
  }

  #count(service: ServiceEntry, by: number): void {
    if (service.port === FTP_PORT) this.#ftpServices += by;
    if (service.port === 0) this.#portZeroServices += by;
    const [w0, w1, w2, w3] = service.raw as unknown as [number, number, number, number];
    bump(this.#virtualAddresses, addressKey(service.family, w0, w1, w2, w3), by);
  }
}

function trashKey(service: ServiceEntry, address: string, port: number): string {
  return `${service.key} ${address} ${port}`;
}

function markKey(family: 4 | 6, mark: number): number {
  return family === 4 ? mark >>> 0 : -(mark >>> 0);
}

function exactKey(family: 4 | 6, protocol: number, w0: number, w1: number, w2: number, w3: number, rawPort: number): number {
  return hashWords(family | (protocol << 8), w0 ^ Math.imul(w3, 31), w1, w2, rawPort);
}

function addressKey(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): number {
  return hashWords(family, w0, w1, w2, w3);
}

function sameWords(words: Int32Array, w0: number, w1: number, w2: number, w3: number): boolean {
  return words[0] === w0 && words[1] === w1 && words[2] === w2 && words[3] === w3;
}

function bump(map: Map<number, number>, key: number, by: number): void {
  const count = (map.get(key) ?? 0) + by;
  if (count > 0) map.set(key, count);
  else map.delete(key);
}
