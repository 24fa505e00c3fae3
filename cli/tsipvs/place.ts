/** Naming a service and one of its real servers on the command line: [PROTOCOL:]ADDRESS:PORT or fwmark:N, and ADDRESS[:PORT]. */
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { Protocol } from '../../lib/model/protocol.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { formatAddress, parseAddress } from '../../lib/wire/address.ts';

export interface Place { readonly id: ServiceId; readonly address: string; readonly port: number }

export const SERVICE_HELP = '[tcp:|udp:|sctp:]ADDRESS:PORT, or fwmark:N';
export const SERVER_HELP = 'ADDRESS[:PORT]; without a port the service\'s';

export type Wanted = { readonly fwmark: number } | { readonly protocol: Protocol | null; readonly address: string; readonly port: number };

/** The service as the director has it, and the server's address and port. */
export async function findPlace(client: Pick<ApiClient, 'call'>, service: string, server: string): Promise<Place> {
  const id = await findService(client, service);
  const { address, port } = parseServer(server);
  return { id, address, port: port ?? (id.kind === 'address' ? id.port : 0) };
}

export async function findService(client: Pick<ApiClient, 'call'>, text: string): Promise<ServiceId> {
  const wanted = parseService(text);
  const [{ services }, { services: managed }] = await Promise.all([client.call('list', {}), client.call('health', {})]);
  const ids = [...services.map(({ service }) => service.id), ...managed.flatMap((one) => one.ids)];
  const id = ids.find((one) => (one.kind === 'fwmark'
    ? 'fwmark' in wanted && wanted.fwmark === one.fwmark >>> 0
    : 'address' in wanted && one.address === wanted.address && one.port === wanted.port && (wanted.protocol === null || wanted.protocol === one.protocol)));
  if (id === undefined) throw new LvsError('NoSuchService', `no service ${text}: "tsipvs health" and "tsipvsadm -Ln" list them`);
  return id;
}

export function parseService(text: string): Wanted {
  const mark = /^(?:fwmark|fwm):(\d{1,10})$/i.exec(text);
  if (mark !== null) return { fwmark: Number(mark[1]) };
  const [, protocol = null, rest = text] = /^(tcp|udp|sctp):(.*)$/i.exec(text) ?? [];
  const { address, port } = parseServer(rest);
  if (port === null) throw new LvsError('BadRequest', `${text} is not a service: ${SERVICE_HELP}`);
  return { protocol: protocol === null ? null : protocol.toLowerCase() as Protocol, address, port };
}

export function parseServer(text: string): { address: string; port: number | null } {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+)(?::(\d{1,5}))?$/.exec(text) ?? /^([0-9a-f:.]+)()$/i.exec(text);
  const parsed = match === null ? null : parseAddress(match[1]!);
  const port = match?.[2] === undefined || match[2] === '' ? null : Number(match[2]);
  if (parsed === null || (port !== null && port > 65535)) throw new LvsError('BadRequest', `${text} is not ${SERVER_HELP}`);
  const [w0, w1, w2, w3] = parsed.words;
  return { address: formatAddress(parsed.family, w0!, w1!, w2!, w3!), port };
}
