/** A desired configuration in the native format, whatever it was read from. Defaults are left out; read back it is the same configuration. */
import { stringify } from 'yaml';
import type { Destination, ForwardingMethod } from '../../model/destination.ts';
import type { DesiredConfiguration, DesiredDestination, DesiredService } from '../../model/desired-configuration.ts';
import type { HealthCheck, HttpUrl } from '../../model/health-check.ts';
import { SCHED_FLAG, serviceFamily, type VirtualService } from '../../model/virtual-service.ts';
import { schedulerFlagNames } from '../../schedulers/names.ts';
import { idText } from './read-native.ts';
import { CHECKS, SERVER, SERVICE, SMTP, SORRY, SYNC, TIMEOUTS, TIMING, TOP, TUNNEL, URL_FIELDS, type Fields } from './schema.ts';

const METHOD_WORDS: Readonly<Record<ForwardingMethod, string>> = { masq: 'nat', route: 'dr', tunnel: 'tun', local: 'local' };
const ANY_FLAGS = [['flag-1', SCHED_FLAG.flag1], ['flag-2', SCHED_FLAG.flag2], ['flag-3', SCHED_FLAG.flag3]] as const;

type Values = Record<string, unknown>;

export function writeNative({ services, globals }: Pick<DesiredConfiguration, 'services' | 'globals'>): string {
  const { timeouts, syncDaemon, smtp, watchFileSec, ...rest } = globals;
  const anyTimeout = timeouts.tcp > 0 || timeouts.tcpFin > 0 || timeouts.udp > 0;
  const top = trimmed({
    ...rest, version: 1, watchFile: watchFileSec, timeouts: anyTimeout ? trimmed({ ...timeouts }, TIMEOUTS) : null, syncDaemon: syncDaemon === null ? null : trimmed({ ...syncDaemon }, SYNC), smtp: smtp === null ? null : trimmed({ ...smtp }, SMTP),
    services: services.map(serviceValues),
  }, TOP);
  return stringify(top, { lineWidth: 0, aliasDuplicateObjects: false });
}

function serviceValues({ ids, service, destinations, policy, name }: DesiredService): Values {
  const method = destinations[0]?.destination.method ?? 'masq';
  const { sorryServer, ...rest } = policy;
  return trimmed({
    ...rest, name: name === idText(ids[0]!) ? null : name, listen: ids.length === 1 ? idText(ids[0]!) : ids.map(idText), scheduler: service.scheduler, schedulerFlags: flagNames(service), persistence: service.persistenceSec,
    persistenceMask: service.persistenceMask === (serviceFamily(service.id) === 6 ? '128' : '255.255.255.255') ? null : service.persistenceMask, persistenceEngine: service.persistenceEngine, onePacket: service.onePacket,
    method: METHOD_WORDS[method],
    sorryServer: sorryServer === null ? null : trimmed({ ...placeValues(sorryServer.destination, method), inhibit: sorryServer.inhibit, mode: sorryServer.mode }, SORRY),
    servers: destinations.map((destination) => serverValues(destination, method)),
  }, SERVICE);
}

function serverValues({ destination, checks, ...rest }: DesiredDestination, method: ForwardingMethod): Values | string {
  const values = trimmed({ ...rest, ...placeValues(destination, method), checks: checks.length === 0 ? null : checks.map(checkValues) }, SERVER);
  return Object.keys(values).length === 1 ? String(values['address']) : values;
}

function placeValues({ address, port, method, tunnel, weight, upperThreshold, lowerThreshold }: Destination, serviceMethod: ForwardingMethod): Values {
  // Without a port it is the service's; masqueraded to, port 0 is another thing to write down.
  const text = port === 0 && method !== 'masq' ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const plain = tunnel.type === 'ipip' && tunnel.port === 0 && tunnel.checksum === 'none';
  return { address: text, method: method === serviceMethod ? null : METHOD_WORDS[method], tunnel: plain ? null : trimmed({ ...tunnel }, TUNNEL), weight, upperThreshold, lowerThreshold };
}

function checkValues({ name, timing, target, check }: HealthCheck): Values {
  const { kind, ...own } = check;
  const fields: Values = kind === 'dns' ? { query: (own as { name: string }).name, record: (own as { type: string }).type, expect: (own as { expect?: string }).expect } : kind === 'http' ? { ...own, urls: (own as { urls: readonly HttpUrl[] }).urls.map(urlValues) } : own;
  const { intervalSec, timeoutSec, retries, delayBeforeRetrySec, rise, warmupSec, alpha, reentrySec } = timing;
  return {
    type: kind,
    ...trimmed({ name: name === kind ? null : name, interval: intervalSec, timeout: timeoutSec, retries, retryDelay: delayBeforeRetrySec, rise, warmup: warmupSec, alpha, reentry: reentrySec, ...target }, TIMING),
    ...trimmed(fields, CHECKS[kind]!),
  };
}

function urlValues({ statusCodes, ...url }: HttpUrl): Values {
  return trimmed({ ...url, statusCodes: statusCodes?.map(([low, high]) => (low === high ? low : `${low}-${high}`)) }, URL_FIELDS);
}

function flagNames({ scheduler, schedFlags }: VirtualService): string[] {
  const named = schedulerFlagNames(scheduler).map(({ name, bit }) => [name, bit] as const);
  const taken = named.reduce((bits, [, bit]) => bits | bit, 0);
  return [...named, ...ANY_FLAGS.filter(([, bit]) => (taken & bit) === 0)].filter(([, bit]) => (schedFlags & bit) !== 0).map(([name]) => name);
}

/** In the schema's order, without what is missing or the default. */
function trimmed(values: Values, fields: Fields): Values {
  const wanted = Object.entries(fields).filter(([name, { otherwise }]) => {
    const value = values[name];
    return value !== undefined && value !== null && JSON.stringify(value) !== JSON.stringify(otherwise);
  });
  return Object.fromEntries(wanted.map(([name]) => [name, values[name]]));
}
