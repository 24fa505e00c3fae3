/**
 * The host's network for a replay, as `--network FILE` gives it: the fields of NetworkState in JSON, with interface names instead of
 * numbers and with what follows from them left out. Subnets of interface addresses are reached on-link without a route of their own.
 *
 *     { "interfaces": [{ "name": "cl0", "mac": "02:00:00:00:0d:01", "addresses": ["198.51.100.1/24", "192.0.2.10/32"] }],
 *       "routes":     [{ "prefix": "0.0.0.0/0", "via": "198.51.100.254", "interface": "cl0" }],
 *       "neighbours": [{ "interface": "cl0", "address": "198.51.100.254", "mac": "02:00:00:00:0c:fe" }] }
 */
import { LvsError } from '../model/errors.ts';
import type { Neighbour, NetworkInterface, NetworkState, Route } from '../model/network-state.ts';
import { formatAddress, parseAddress, parsePrefix } from '../wire/address.ts';

const DEFAULT_MTU = 1500;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const ROUTE_TYPES: readonly Route['type'][] = ['unicast', 'local', 'broadcast', 'blackhole', 'unreachable', 'prohibit'];

/** `interfaces`: the names that frames come from; each must be in the file. */
export function parseNetworkFile(text: string, name: string, interfaces: readonly string[]): NetworkState {
  const reader = new FieldReader(name);
  const root = reader.object(parseJson(text, name), 'the file', ['interfaces', 'routes', 'neighbours', 'forwarding4', 'forwarding6']);
  const listed = reader.list(root['interfaces'], 'interfaces').map((value, index) => readInterface(reader, value, index, interfaces));
  const missing = interfaces.find((wanted) => listed.every((given) => given.name !== wanted));
  if (missing !== undefined) throw new LvsError('BadRequest', `${name}: interface ${missing} has a capture but is not in "interfaces"`);
  const indexOf = (value: unknown, what: string): number => {
    const index = listed.findIndex((given) => given.name === value);
    if (index < 0) throw reader.wrong(what, value, `one of ${listed.map((given) => given.name).join(', ')}`);
    return index;
  };
  return {
    interfaces: listed,
    routes: [...reader.list(root['routes'] ?? [], 'routes').map((value, n) => readRoute(reader, value, n, indexOf)), ...listed.flatMap(connectedRoutes)],
    neighbours: reader.list(root['neighbours'] ?? [], 'neighbours').map((value, n) => readNeighbour(reader, value, n, indexOf)),
    forwarding4: reader.flag(root['forwarding4'], 'forwarding4', true),
    forwarding6: reader.flag(root['forwarding6'], 'forwarding6', true),
  };
}

/** What the kernel adds with each address: its subnet, on-link. */
export function connectedRoutes({ index, addresses }: NetworkInterface): Route[] {
  return addresses.flatMap((text) => {
    const prefix = parsePrefix(text);
    if (prefix === null || prefix.length === (prefix.family === 4 ? 32 : 128)) return [];
    const [w0, w1, w2, w3] = prefix.words as unknown as readonly [number, number, number, number];
    const route: Route = {
      family: prefix.family, prefix: `${formatAddress(prefix.family, w0, w1, w2, w3)}/${prefix.length}`, type: 'unicast', via: null, interface: index,
      source: text.split('/')[0]!, mtu: 0, metric: 0,
    };
    return [route];
  });
}

function readInterface(reader: FieldReader, value: unknown, index: number, attached: readonly string[]): NetworkInterface {
  const what = `interfaces[${index}]`;
  const fields = reader.object(value, what, ['name', 'mac', 'mtu', 'up', 'addresses']);
  const name = reader.text(fields['name'], `${what}.name`, () => true, 'a name');
  return {
    index, ifindex: 0, name,
    mac: reader.text(fields['mac'], `${what}.mac`, (text) => MAC.test(text), 'a MAC address').toLowerCase(),
    mtu: reader.number(fields['mtu'], `${what}.mtu`, DEFAULT_MTU), up: reader.flag(fields['up'], `${what}.up`, true),
    addresses: reader.list(fields['addresses'] ?? [], `${what}.addresses`)
      .map((address, n) => reader.text(address, `${what}.addresses[${n}]`, (text) => parsePrefix(text) !== null, 'an address with prefix length')),
    attached: attached.includes(name),
  };
}

function readRoute(reader: FieldReader, value: unknown, n: number, indexOf: (value: unknown, what: string) => number): Route {
  const what = `routes[${n}]`;
  const fields = reader.object(value, what, ['prefix', 'type', 'via', 'interface', 'source', 'mtu', 'metric']);
  const prefix = reader.text(fields['prefix'], `${what}.prefix`, (text) => parsePrefix(text) !== null, 'a prefix');
  const address = (name: string): string | null =>
    fields[name] === undefined || fields[name] === null ? null : reader.text(fields[name], `${what}.${name}`, (text) => parseAddress(text) !== null, 'an address');
  return {
    family: parsePrefix(prefix)!.family, prefix,
    type: reader.text(fields['type'] ?? 'unicast', `${what}.type`, (text) => (ROUTE_TYPES as readonly string[]).includes(text), `one of ${ROUTE_TYPES.join(', ')}`) as Route['type'],
    via: address('via'), interface: indexOf(fields['interface'], `${what}.interface`), source: address('source'),
    mtu: reader.number(fields['mtu'], `${what}.mtu`, 0), metric: reader.number(fields['metric'], `${what}.metric`, 0),
  };
}

function readNeighbour(reader: FieldReader, value: unknown, n: number, indexOf: (value: unknown, what: string) => number): Neighbour {
  const what = `neighbours[${n}]`;
  const fields = reader.object(value, what, ['interface', 'address', 'mac']);
  return {
    interface: indexOf(fields['interface'], `${what}.interface`),
    address: reader.text(fields['address'], `${what}.address`, (text) => parseAddress(text) !== null, 'an address'),
    mac: fields['mac'] === null ? null : reader.text(fields['mac'], `${what}.mac`, (text) => MAC.test(text), 'a MAC address').toLowerCase(),
  };
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LvsError('BadRequest', `${name}: not JSON: ${(error as Error).message.replaceAll('\n', ' ')}`);
  }
}

/** Reads fields of untrusted JSON; what is wrong is named by its place. */
class FieldReader {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  wrong(what: string, value: unknown, wanted: string): LvsError {
    return new LvsError('BadRequest', `${this.#name}: ${what} is ${value === undefined ? 'missing' : JSON.stringify(value)}, not ${wanted}`);
  }

  object(value: unknown, what: string, known: readonly string[]): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(what, value, 'an object');
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown !== undefined) throw new LvsError('BadRequest', `${this.#name}: ${what} has an unknown field "${unknown}" (known: ${known.join(', ')})`);
    return value as Record<string, unknown>;
  }

  list(value: unknown, what: string): readonly unknown[] {
    if (!Array.isArray(value)) throw this.wrong(what, value, 'a list');
    return value;
  }

  text(value: unknown, what: string, fits: (text: string) => boolean, wanted: string): string {
    if (typeof value !== 'string' || !fits(value)) throw this.wrong(what, value, wanted);
    return value;
  }

  number(value: unknown, what: string, absent: number): number {
    if (value === undefined) return absent;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw this.wrong(what, value, 'a whole number');
    return value;
  }

  flag(value: unknown, what: string, absent: boolean): boolean {
    if (value === undefined) return absent;
    if (typeof value !== 'boolean') throw this.wrong(what, value, 'true or false');
    return value;
  }
}
