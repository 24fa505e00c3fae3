/** A listener with its backend as a virtual service. */
import { PLAIN_POLICY, type DesiredDestination, type DesiredService } from '../../model/desired-configuration.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import { readAddress } from '../keepalived/addresses.ts';
import type { Proxy } from './proxy.ts';
import { finishServer, type FinishedServer } from './servers.ts';

const MAX_PORTS = 4096;
const MOST_PERSISTENCE_SEC = 2_678_400;
const SCHEDULERS: Readonly<Record<string, string>> = { roundrobin: 'wrr', 'static-rr': 'wrr', leastconn: 'wlc', first: 'fo', source: 'sh', random: 'twos' };

export function finishProxy(proxy: Proxy, backends: ReadonlyMap<string, Proxy>, host: ConfigHost, wildcardAddress: string | null, diagnostics: Diagnostics): DesiredService | null {
  const { kind, name, place, binds } = proxy;
  if (kind === 'backend' || kind === 'defaults') return null;
  for (const { text, place: at } of binds.filter((bind) => bind.text.startsWith('crt '))) {
    const file = text.slice('crt '.length);
    if (host.glob(file).length === 0 && host.readFile(file) === null) diagnostics.error(at, `no certificate file "${file}"`, 'HAProxy refuses the file', file);
  }
  const addresses = binds.filter(({ text }) => !text.startsWith('crt '));
  const left = (why: string, effect = 'the section makes no service'): null => {
    diagnostics.warn(place, `${kind} ${name}: ${why}`, effect, name);
    return null;
  };
  const backend = kind === 'listen' && proxy.servers.length > 0 ? proxy : proxy.defaultBackend === null ? null : backends.get(proxy.defaultBackend.name) ?? null;
  if (proxy.defaultBackend !== null && !backends.has(proxy.defaultBackend.name)) {
    diagnostics.error(proxy.defaultBackend.place, `no backend "${proxy.defaultBackend.name}"`, 'HAProxy refuses the file', proxy.defaultBackend.name, [...backends.keys()]);
  }
  if (proxy.mode === 'http' && backend !== null && backend.mode !== 'http') diagnostics.error(place, `${kind} ${name} is in mode http, its backend ${backend.name} is not`, 'HAProxy refuses the file', name);
  if (proxy.mode === 'http') return left('mode http, which a layer 4 forwarder does not speak');
  if (addresses.length === 0) return left('nothing is bound');
  if (proxy.disabled) return left('disabled');
  if (backend === null || backend.servers.length === 0) return left('no servers and no default_backend that has some');
  if (backend.mode === 'http' && backend !== proxy) diagnostics.warn(backend.place, `backend ${backend.name} is in mode http, ${kind} ${name} is not`, 'its servers are used as they are', backend.name);

  const ids = addresses.flatMap(({ text, place: at }) => bindIds(text, at, wildcardAddress, host, diagnostics));
  const [first] = ids;
  if (first === undefined) return left('no address to listen on is left');
  const family = first.kind === 'address' && first.address.includes(':') ? 6 : 4;
  const portRange = ids.length > 1;
  const servers = backend.servers.flatMap((line): FinishedServer[] => finishServer(line, backend, family, portRange ? 0 : first.kind === 'address' ? first.port : 0, host, diagnostics));
  const backups = servers.filter(({ backup }) => backup);
  for (const { place: at, name: server } of backups.slice(1)) diagnostics.warn(at, `server ${server}: a service has one backup server`, 'the first backup server is used, this one is left out', server);
  return {
    ids, name,
    service: {
      id: first, scheduler: scheduler(backend, diagnostics), schedFlags: 0, persistenceSec: backend.stickOnSource && backend.stickSec !== null ? Math.min(MOST_PERSISTENCE_SEC, Math.max(1, Math.round(backend.stickSec))) : 0,
      persistenceMask: family === 6 ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false,
    },
    destinations: servers.filter(({ backup }) => !backup).map(({ desired }): DesiredDestination => desired),
    policy: { ...PLAIN_POLICY, sorryServer: backups[0] === undefined ? null : { destination: { ...backups[0].desired.destination, weight: 1 }, inhibit: false, mode: 'replace' } },
  };
}

/** "ADDRESS:PORT[-PORT]" as service ids. */
function bindIds(text: string, place: Place, wildcardAddress: string | null, host: ConfigHost, diagnostics: Diagnostics): ServiceId[] {
  const refuse = (message: string, effect: string): [] => {
    diagnostics.warn(place, message, effect, text);
    return [];
  };
  if (/^(\/|unix@|abns@|uxst@|fd@|sockpair@)/.test(text)) return refuse(`bind ${text}: no network address`, 'left out');
  const [, prefix = '', hostText, low, high] = /^((?:ipv4|ipv6|quic4|quic6|udp4?|udp6|tcp4?|tcp6)@)?(.*?):(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (low === undefined || hostText === undefined) {
    diagnostics.error(place, `bind "${text}" is no ADDRESS:PORT`, 'HAProxy refuses the file', text);
    return [];
  }
  const wildcard = ['', '*', '0.0.0.0', '::', '[::]'].includes(hostText);
  const address = wildcard ? (wildcardAddress === null ? null : readAddress(wildcardAddress)) : namedAddress(hostText.replace(/^\[(.*)\]$/, '$1'), host);
  if (address === null) return refuse(wildcard ? `bind ${text} names no address, and a virtual service needs one` : `bind ${text}: "${hostText}" is no address`, wildcard ? 'left out: give the virtual address with --vip' : 'left out');
  const ports = [Number(low), Number(high ?? low)] as const;
  if (ports[0] < 1 || ports[1] > 65_535 || ports[0] > ports[1]) {
    diagnostics.error(place, `bind ${text}: invalid port${high === undefined ? '' : ' range'}`, 'HAProxy refuses the file; left out', text);
    return [];
  }
  if (prefix.startsWith('udp')) {
    diagnostics.error(place, `bind ${text}: a datagram address is not acceptable`, 'HAProxy refuses the file; left out', text);
    return [];
  }
  if (ports[1] - ports[0] >= MAX_PORTS) return refuse(`bind ${text}: no range of ports to serve`, 'left out');
  const protocol = /^(quic|udp)/.test(prefix) ? 'udp' : 'tcp';
  return Array.from({ length: ports[1] - ports[0] + 1 }, (_, n): ServiceId => ({ kind: 'address', protocol, address: address.address, port: ports[0] + n }));
}

function namedAddress(text: string, host: ConfigHost): { readonly address: string } | null {
  const found = readAddress(text)?.address ?? (/^[\d.]*$|:/.test(text) ? null : host.addressOf(text, 4) ?? host.addressOf(text, 6));
  return found === null ? null : { address: found };
}

function scheduler({ balance, consistent, name }: Proxy, diagnostics: Diagnostics): string {
  const word = balance?.words[0]?.replace(/\(.*$/, '') ?? 'roundrobin';
  if (word === 'source' && consistent) return 'mh';
  if (Object.hasOwn(SCHEDULERS, word)) return SCHEDULERS[word]!;
  diagnostics.warn(balance!.place, `balance ${word} of ${name} looks into what is sent`, 'wrr is taken', word, Object.keys(SCHEDULERS));
  return 'wrr';
}
