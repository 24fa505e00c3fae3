/**
 * A destination as the data plane keeps it: the object schedulers read, connections are bound to, and the trash holds on to after
 * removal for as long as connections remember it (struct ip_vs_dest).
 */
import { hostWords, parseAddress, swap16 } from '../wire/address.ts';
import type { Destination, ForwardingMethod, Tunnel } from '../model/destination.ts';
import type { SchedulerDestination } from '../schedulers/scheduler.ts';
import type { TunnelTarget } from './forward/tun.ts';
import type { ServiceEntry } from './service-entry.ts';

export class DestinationEntry implements SchedulerDestination {
  /** Position in Services.destinations; what connections store. */
  readonly slot: number;
  /** Block of Counters. */
  readonly counters: number;
  readonly address: string;
  readonly family: 4 | 6;
  /** Raw address words. */
  readonly raw: Int32Array;
  readonly words: Int32Array;
  readonly port: number;
  readonly rawPort: number;
  service: ServiceEntry;
  method: ForwardingMethod = 'route';
  tunnel: Tunnel;
  /** Where `tunnel` leads, as the transmitter takes it. */
  tunnelTarget: TunnelTarget;
  weight = 0;
  lastWeight = 0;
  upperThreshold = 0;
  lowerThreshold = 0;
  overloaded = false;
  place = -1;
  activeConns = 0;
  inactiveConns = 0;
  persistentConns = 0;
  /** In a service's list; packets of its connections are dropped otherwise. */
  available = false;
  /** Next hop towards it as last looked up, and the network's generation then. */
  hop = -1;
  hopAge = -1;
  /** In the trash: when it was first seen unreferenced, ms; 0 = not yet. */
  idleSinceMs = 0;

  constructor(slot: number, counters: number, service: ServiceEntry, config: Destination) {
    const parsed = parseAddress(config.address);
    if (parsed === null) throw new Error(`not an address: ${config.address}`);
    this.slot = slot;
    this.counters = counters;
    this.service = service;
    this.address = config.address;
    this.family = parsed.family;
    this.raw = parsed.words;
    const [w0, w1, w2, w3] = parsed.words as unknown as [number, number, number, number];
    this.words = hostWords(parsed.family, w0, w1, w2, w3);
    this.port = config.port;
    this.rawPort = swap16(config.port);
    this.tunnel = config.tunnel;
    this.tunnelTarget = { ...config.tunnel, family: this.family, words: this.raw };
  }

  /** What an add (again) or edit sets (__ip_vs_update_dest). */
  configure(config: Destination, added: boolean): void {
    if (added || config.weight !== 0) this.lastWeight = config.weight;
    this.method = config.method;
    this.tunnel = config.tunnel;
    this.tunnelTarget = { ...config.tunnel, family: this.family, words: this.raw };
    this.weight = config.weight;
    if (config.upperThreshold === this.upperThreshold && config.lowerThreshold === this.lowerThreshold) return;
    this.upperThreshold = config.upperThreshold;
    this.lowerThreshold = config.lowerThreshold;
    this.#updateOverload();
  }

  get connections(): number {
    return this.activeConns + this.inactiveConns;
  }

  /** Whether any connection or template still points here. */
  get referenced(): boolean {
    return this.activeConns + this.inactiveConns + this.persistentConns > 0;
  }

  /** A connection was bound (ip_vs_bind_dest). */
  bound(template: boolean, inactive: boolean): void {
    if (template) this.persistentConns++;
    else if (inactive) this.inactiveConns++;
    else this.activeConns++;
    this.#updateOverload();
    this.service.scheduler.loaded(this);
  }

  /** A connection ended (ip_vs_unbind_dest). */
  unbound(template: boolean, inactive: boolean): void {
    if (template) this.persistentConns--;
    else if (inactive) this.inactiveConns--;
    else this.activeConns--;
    if (this.overloaded) this.#updateOverload();
    this.service.scheduler.loaded(this);
  }

  /** A connection of its own became active, or inactive. */
  moved(active: boolean): void {
    this.activeConns += active ? 1 : -1;
    this.inactiveConns += active ? -1 : 1;
    this.service.scheduler.loaded(this);
  }

  /** Overload begins at the upper threshold and ends below the lower one, by default three quarters of the upper one. */
  #updateOverload(): void {
    const { upperThreshold, connections } = this;
    if (upperThreshold === 0) this.overloaded = false;
    else if (connections >= upperThreshold) this.overloaded = true;
    else if (connections < (this.lowerThreshold !== 0 ? this.lowerThreshold : upperThreshold - (upperThreshold >> 2))) this.overloaded = false;
  }
}
