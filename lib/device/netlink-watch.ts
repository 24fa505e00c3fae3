/**
 * Follows the host's network for the data plane: reads it once, then listens. Links, addresses and routes are read again as a whole
 * shortly after anything about them changed (one state for a burst of changes); neighbours are handed on one by one, at once.
 * Nothing runs while nothing changes. Reading needs no privileges; asking the kernel to resolve a neighbour does.
 *
 * Interfaces get dense indices that stay theirs as long as the watch lives: one that disappears keeps its place (down, without
 * addresses), and gets it back when it reappears under the same name.
 */
import { SystemCallError, watchReadable } from '../../native-shims/index.ts';
import type { Neighbour, NetworkInterface, NetworkState, Route } from '../model/network-state.ts';
import { parseAddress, parsePrefix, type ParsedPrefix } from '../wire/address.ts';
import { NetlinkSocket } from './netlink.ts';
import {
  dumpAddresses, dumpLinks, dumpNeighbours, dumpRoutes, neighbourOf, NETLINK_ROUTE, ROUTE_GROUPS, RTM_DELNEIGH, RTM_NEWNEIGH, useNeighbour,
  type KernelNeighbour, type KernelRoute, type Link, type LinkAddress,
} from './netlink-route.ts';

const DEBOUNCE_MS = 15;
/** Reading may take at most about this share of the time, however fast routes change. */
const DUMP_SHARE = 10;
const RETRY_MS = 1000;
const RECEIVE_BYTES = 4 * 1024 * 1024;

export interface NetworkWatchOptions {
  /** Names of the interfaces that have a device. Can be changed later. */
  readonly attached?: Iterable<string>;
  readonly now?: () => number;
  /** Room for notifications that were not read yet; when it overflows, everything is read again. */
  readonly receiveBytes?: number;
}

/** Follow the network of this thread's network namespace. onState is called once before this returns, then on every change. */
export function watchNetwork(
  options: NetworkWatchOptions,
  onState: (state: NetworkState) => void,
  onNeighbour: (neighbour: Neighbour) => void,
): NetworkWatch {
  return new NetworkWatch(options, onState, onNeighbour);
}

export class NetworkWatch {
  readonly #events: NetlinkSocket;
  readonly #requests: NetlinkSocket;
  readonly #unwatch: () => void;
  readonly #onState: (state: NetworkState) => void;
  readonly #onNeighbour: (neighbour: Neighbour) => void;
  readonly #now: () => number;
  /** ifindex in each place; 0 while the interface is gone. */
  readonly #places: number[] = [];
  readonly #names: string[] = [];
  readonly #placeOf = new Map<number, number>();
  readonly #neighbours = new Map<string, Neighbour>();
  #attached: ReadonlySet<string>;
  #kept: readonly string[] = [];
  #keptKeys = new Set<string>();
  #state: NetworkState = { interfaces: [], routes: [], neighbours: [], forwarding4: true, forwarding6: true };
  #fingerprint = '';
  #timer: NodeJS.Timeout | null = null;
  #lastDumpMs = 0;
  #open = true;

  constructor(options: NetworkWatchOptions, onState: (state: NetworkState) => void, onNeighbour: (neighbour: Neighbour) => void) {
    this.#attached = new Set(options.attached);
    this.#onState = onState;
    this.#onNeighbour = onNeighbour;
    this.#now = options.now ?? (() => performance.now());
    this.#events = new NetlinkSocket(NETLINK_ROUTE, ROUTE_GROUPS, options.receiveBytes ?? RECEIVE_BYTES);
    try {
      this.#requests = new NetlinkSocket(NETLINK_ROUTE);
    } catch (error) {
      this.#events.close();
      throw error;
    }
    this.#read();
    this.#unwatch = watchReadable(this.#events.fd, () => this.#drain());
  }

  /** The latest state, with the neighbours known by now. */
  get state(): NetworkState {
    return { ...this.#state, neighbours: [...this.#neighbours.values()] };
  }

  /** Say which interfaces have a device; a new state follows. */
  setAttached(names: Iterable<string>): void {
    this.#attached = new Set(names);
    this.#read();
  }

  /** Ask the kernel for a neighbour; the answer arrives through onNeighbour (mac null when nobody answered). */
  resolveNeighbour(interfaceIdx: number, address: string): void {
    const ifindex = this.#places[interfaceIdx] ?? 0;
    if (!this.#open || ifindex === 0) return;
    try {
      useNeighbour(this.#requests, ifindex, address);
    } catch {
      // Interface down or gone, or no permission: packets for it are dropped with a counted reason when they have waited long enough.
    }
  }

  /**
   * Addresses that packets are sent to (destinations): their next hops are resolved at once, and verified again whenever the kernel calls
   * them stale, so that a real server with a new network card is noticed though the host itself never talks to it.
   */
  keepAlive(addresses: readonly string[]): void {
    this.#kept = [...addresses];
    this.#findKept();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#timer) clearTimeout(this.#timer);
    this.#unwatch();
    this.#events.close();
    this.#requests.close();
  }

  #drain(): void {
    if (!this.#open) return;
    let changed = false;
    try {
      const complete = this.#events.drain((message) => {
        if (message.type !== RTM_NEWNEIGH && message.type !== RTM_DELNEIGH) changed = true;
        else this.#neighbourChanged(neighbourOf(message));
      });
      if (!complete) changed = true;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      changed = true;
    }
    if (changed) this.#readSoon();
  }

  #readSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      try {
        this.#read();
      } catch (error) {
        // The kernel is short of memory, or its tables change faster than they can be read: what is known stays, and is read again.
        if (!(error instanceof SystemCallError)) throw error;
        this.#lastDumpMs = RETRY_MS / DUMP_SHARE;
        this.#readSoon();
      }
    }, Math.max(DEBOUNCE_MS, this.#lastDumpMs * DUMP_SHARE)).unref();
  }

  #read(): void {
    const startMs = this.#now();
    const links = dumpLinks(this.#requests);
    const addresses = dumpAddresses(this.#requests);
    const routes = dumpRoutes(this.#requests);
    const neighbours = dumpNeighbours(this.#requests);
    this.#lastDumpMs = this.#now() - startMs;
    this.#place(links);
    const interfaces = this.#interfaces(links, addresses);
    const placed = routes.map((route) => this.#route(route));
    const fingerprint = JSON.stringify([interfaces, placed]);
    const isNew = fingerprint !== this.#fingerprint;
    if (isNew) {
      this.#fingerprint = fingerprint;
      this.#state = { interfaces, routes: placed, neighbours: [], forwarding4: true, forwarding6: true };
    }
    this.#replaceNeighbours(neighbours, !isNew);
    if (isNew) {
      this.#onState(this.state);
      this.#findKept();
    }
  }

  /** Give every link its place. */
  #place(links: readonly Link[]): void {
    const present = new Set(links.map((link) => link.ifindex));
    this.#places.forEach((ifindex, place) => {
      if (ifindex === 0 || present.has(ifindex)) return;
      this.#placeOf.delete(ifindex);
      this.#places[place] = 0;
    });
    for (const link of links) {
      let place = this.#placeOf.get(link.ifindex);
      if (place === undefined) {
        const vacant = this.#names.findIndex((name, i) => name === link.name && this.#places[i] === 0);
        place = vacant >= 0 ? vacant : this.#places.length;
        this.#places[place] = link.ifindex;
        this.#placeOf.set(link.ifindex, place);
      }
      this.#names[place] = link.name;
    }
  }

  #interfaces(links: readonly Link[], addresses: readonly LinkAddress[]): NetworkInterface[] {
    const linkOf = new Map(links.map((link) => [link.ifindex, link]));
    return this.#places.map((ifindex, index) => {
      const link = linkOf.get(ifindex);
      const name = this.#names[index]!;
      if (!link) return { index, ifindex: 0, name, mac: '', mtu: 0, up: false, addresses: [], attached: false };
      const own = addresses.filter((address) => address.ifindex === ifindex).map((address) => address.prefix);
      return { index, ifindex, name, mac: link.mac, mtu: link.mtu, up: link.up, addresses: own, attached: this.#attached.has(name) };
    });
  }

  #route({ ifindex, ...route }: KernelRoute): Route {
    return { ...route, interface: this.#placeOf.get(ifindex) ?? -1 };
  }

  #replaceNeighbours(fresh: readonly KernelNeighbour[], announce: boolean): void {
    const seen = new Set<string>();
    for (const neighbour of fresh) {
      const place = this.#placeOf.get(neighbour.ifindex);
      if (place === undefined) continue;
      seen.add(neighbourKey(place, neighbour.address));
      this.#setNeighbour(place, neighbour.address, neighbour.mac, announce);
    }
    for (const [key, { interface: place, address }] of this.#neighbours) {
      if (!seen.has(key)) this.#setNeighbour(place, address, null, announce);
    }
  }

  #neighbourChanged(neighbour: KernelNeighbour | null): void {
    const place = neighbour === null ? undefined : this.#placeOf.get(neighbour.ifindex);
    if (neighbour === null || place === undefined) return;
    const key = neighbourKey(place, neighbour.address);
    // A kept one that stops answering is asked for once more, by broadcast: it may have a new MAC address.
    const ask = neighbour.stale || (neighbour.mac === null && this.#neighbours.has(key));
    this.#setNeighbour(place, neighbour.address, neighbour.mac, true);
    if (ask && this.#keptKeys.has(key)) this.resolveNeighbour(place, neighbour.address);
  }

  #setNeighbour(place: number, address: string, mac: string | null | undefined, announce: boolean): void {
    if (mac === undefined) return;
    const key = neighbourKey(place, address);
    const known = this.#neighbours.get(key);
    // NB: a failed resolution is told even when nothing was known, so that packets need not wait for their time-out.
    if (known?.mac === mac && mac !== null) return;
    const neighbour: Neighbour = { interface: place, address, mac };
    if (mac === null) this.#neighbours.delete(key);
    else this.#neighbours.set(key, neighbour);
    if (announce) this.#onNeighbour(neighbour);
  }

  /** Next hops of the kept addresses, and resolution of those not known yet. */
  #findKept(): void {
    this.#keptKeys = new Set();
    if (this.#kept.length === 0) return;
    const lookup = routeLookup(this.#state.routes);
    for (const address of this.#kept) {
      const route = lookup(address);
      if (route === null || route.type !== 'unicast' || route.interface < 0 || this.#state.interfaces[route.interface]!.mac === '') continue;
      const hop = route.via ?? address;
      const key = neighbourKey(route.interface, hop);
      if (this.#keptKeys.has(key)) continue;
      this.#keptKeys.add(key);
      if (!this.#neighbours.has(key)) this.resolveNeighbour(route.interface, hop);
    }
  }
}

function neighbourKey(place: number, address: string): string {
  return `${place} ${address}`;
}

/** Longest-prefix match over the routes: one map by network a prefix length, longest first. */
function routeLookup(routes: readonly Route[]): (address: string) => Route | null {
  const lengths = new Map<string, { readonly prefix: ParsedPrefix; readonly networks: Map<string, Route> }>();
  for (const route of routes) {
    const prefix = parsePrefix(route.prefix);
    if (prefix === null) continue;
    const key = `${prefix.family} ${prefix.length}`;
    const level = lengths.get(key) ?? { prefix, networks: new Map<string, Route>() };
    lengths.set(key, level);
    const network = prefix.words.join();
    const known = level.networks.get(network);
    if (known === undefined || route.metric < known.metric) level.networks.set(network, route);
  }
  const levels = [...lengths.values()].sort((a, b) => b.prefix.length - a.prefix.length);
  return (address) => {
    const parsed = parseAddress(address);
    for (const { prefix, networks } of levels) {
      if (prefix.family !== parsed?.family) continue;
      const route = networks.get(parsed.words.map((word, i) => word & prefix.mask[i]!).join());
      if (route !== undefined) return route;
    }
    return null;
  };
}
