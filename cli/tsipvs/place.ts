/** Naming a service and one of its real servers on the command line: [PROTOCOL:]ADDRESS:PORT or fwmark:N, and ADDRESS[:PORT]. */
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { Protocol } from '../../lib/model/protocol.ts';
import { serviceKey, type ServiceId } from '../../lib/model/virtual-service.ts';
import { formatAddress, parseAddress } from '../../lib/wire/address.ts';

export interface Place { readonly id: ServiceId; readonly address: string; readonly port: number }

export const SERVICE_HELP = '[tcp:|udp:|sctp:]ADDRESS:PORT, or fwmark:N';
const NAMED_SERVICE_HELP = `${SERVICE_HELP}, or its name in the configuration`;
export const SERVER_HELP = 'ADDRESS[:PORT]; without a port the one that the service has of this address';

export type Wanted = { readonly fwmark: number } | { readonly protocol: Protocol | null; readonly address: string; readonly port: number };

type Known = readonly { readonly id: ServiceId; readonly name: string; readonly servers: readonly { readonly address: string; readonly port: number }[] }[];

/** The service as the director has it, and the server's address and port. */
export async function findPlace(client: Pick<ApiClient, 'call'>, service: string, server: string): Promise<Place> {
  const known = await knownServices(client);
  const id = serviceOf(known, service);
  const { address, port } = parseServer(server);
  const servers = known.filter((one) => serviceKey(one.id) === serviceKey(id)).flatMap((one) => one.servers);
  const ports = new Set(servers.filter((one) => one.address === address).map((one) => one.port));
  const own = id.kind === 'address' ? id.port : 0;
  if (port !== null || ports.size === 0 || ports.has(own)) return { id, address, port: port ?? own };
  if (ports.size > 1) throw new LvsError('BadRequest', `${service} has ${address} with the ports ${[...ports].join(', ')}: say which`);
  return { id, address, port: [...ports][0]! };
}

export async function findService(client: Pick<ApiClient, 'call'>, text: string): Promise<ServiceId> {
  return serviceOf(await knownServices(client), text);
}

/** In the table or in the configuration. */
async function knownServices(client: Pick<ApiClient, 'call'>): Promise<Known> {
  const [{ services }, { services: managed }] = await Promise.all([client.call('list', {}), client.call('health', {})]);
  return [
    ...services.map(({ service, destinations }) => ({ id: service.id, name: '', servers: destinations.map(({ destination }) => destination) })),
    ...managed.flatMap(({ ids, name, servers }) => ids.map((id) => ({ id, name, servers }))),
  ];
}

function serviceOf(known: Known, text: string): ServiceId {
  const named = known.find(({ name }) => name !== '' && name === text);
  if (named !== undefined) return named.id;
  const wanted = parseService(text, NAMED_SERVICE_HELP);
  const found = known.find(({ id }) => (id.kind === 'fwmark'
    ? 'fwmark' in wanted && wanted.fwmark === id.fwmark >>> 0
    : 'address' in wanted && id.address === wanted.address && id.port === wanted.port && (wanted.protocol === null || wanted.protocol === id.protocol)));
  if (found === undefined) throw new LvsError('NoSuchService', `no service ${text}: "tsipvs health" and "tsipvsadm -Ln" list them`);
  return found.id;
}

export function parseService(text: string, help = SERVICE_HELP): Wanted {
  const mark = /^(?:fwmark|fwm):(\d{1,10})$/i.exec(text);
  if (mark !== null) return { fwmark: Number(mark[1]) };
  const [, protocol = null, rest = text] = /^(tcp|udp|sctp):(.*)$/i.exec(text) ?? [];
  const place = placeOf(rest);
  if (place === null || place.port === null) throw new LvsError('BadRequest', `${text} is not a service: ${help}`);
  const { address, port } = place;
  return { protocol: protocol === null ? null : protocol.toLowerCase() as Protocol, address, port };
}

export function parseServer(text: string): { address: string; port: number | null } {
  const place = placeOf(text);
  if (place === null) throw new LvsError('BadRequest', `${text} is not ${SERVER_HELP}`);
  return place;
}

function placeOf(text: string): { address: string; port: number | null } | null {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+)(?::(\d{1,5}))?$/.exec(text) ?? /^([0-9a-f:.]+)()$/i.exec(text);
  const parsed = match === null ? null : parseAddress(match[1]!);
  const port = match?.[2] === undefined || match[2] === '' ? null : Number(match[2]);
  if (parsed === null || (port !== null && port > 65535)) return null;
  const [w0, w1, w2, w3] = parsed.words;
  return { address: formatAddress(parsed.family, w0!, w1!, w2!, w3!), port };
}
