/** A virtual block of lvs.cf with lvsd's defaults, and the nanny command line of each of its servers. */
import { IPIP_TUNNEL, type ForwardingMethod } from '../../model/destination.ts';
import { PLAIN_POLICY, type DesiredDestination, type DesiredService, type LoadMonitor } from '../../model/desired-configuration.ts';
import type { CheckKind, HealthCheck } from '../../model/health-check.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import { SCHEDULER_NAMES } from '../../schedulers/names.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { readAddress } from '../keepalived/addresses.ts';
import type { Block } from './read-piranha.ts';

const DEFAULT_PORT = 80;
const DEFAULT_INTERVAL_SEC = 10;
const DEFAULT_REENTRY_SEC = 180;
/** Upper bound of the load-driven weight: this times the weight. */
const LOAD_SCALE = 10;
const MAX_TEXT = 255;
const NANNY = '/usr/sbin/nanny';
const METHODS: Readonly<Record<string, ForwardingMethod>> = { nat: 'masq', direct: 'route', tunnel: 'tunnel' };
const METHOD_LETTERS: Readonly<Record<string, string>> = { nat: 'm', direct: 'g', tunnel: 'i' };

export function finishVirtual(block: Block, root: Block, diagnostics: Diagnostics): DesiredService[] {
  if (block.text('active') !== '1') {
    diagnostics.note(block.place, `virtual ${block.name} is not active`, 'it is not started', block.name);
    return [];
  }
  const id = idOf(block);
  if (id === null) {
    diagnostics.error(block.place, `virtual ${block.name} has no address`, 'it is left out', block.name);
    return [];
  }
  const scheduler = block.values.get('scheduler');
  const known = scheduler === undefined || (SCHEDULER_NAMES as readonly string[]).includes(scheduler.text);
  if (!known) diagnostics.error(scheduler.place, `unknown scheduler "${scheduler.text}"`, 'wlc is taken', scheduler.text, SCHEDULER_NAMES);
  const mask = block.text('pmask') ?? '255.255.255.255';
  const fullMask = readAddress(mask)?.family === 4;
  if (!fullMask) diagnostics.error(block.values.get('pmask')!.place, `pmask "${mask}" is no netmask`, 'the default is taken', mask);
  const network = root.text('network') ?? 'nat';
  const method = METHODS[network]!;
  const quiesce = block.text('quiesce_server') === '1';
  const servers = block.blocks.filter(({ kind }) => kind === 'server');
  const sorry = block.text('sorry_server');
  return [{
    ids: [id], name: block.name,
    service: {
      id, scheduler: known ? scheduler?.text ?? 'wlc' : 'wlc', schedFlags: 0, persistenceSec: block.number('persistent', 0), persistenceMask: fullMask ? mask : '255.255.255.255', persistenceEngine: null, onePacket: false,
    },
    destinations: servers.flatMap((server) => finishServer(server, block, root, id, method, quiesce, diagnostics)),
    policy: {
      ...PLAIN_POLICY, onFailure: quiesce ? 'quiesce' : 'remove',
      sorryServer: sorry === null ? null : { destination: { address: sorry, port: portOf(id), method: sorry.startsWith('127.') ? 'route' : method, tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 }, inhibit: false, mode: 'replace' },
    },
  }];
}

function idOf(block: Block): ServiceId | null {
  const fwmark = block.number('fwmark', 0);
  if (fwmark > 0) return { kind: 'fwmark', fwmark, family: 4 };
  const address = block.text('address');
  return address === null ? null : { kind: 'address', protocol: block.text('protocol') === 'udp' ? 'udp' : 'tcp', address, port: block.number('port', DEFAULT_PORT) };
}

function portOf(id: ServiceId): number {
  return id.kind === 'address' ? id.port : 0;
}

function finishServer(server: Block, virtual: Block, root: Block, id: ServiceId, method: ForwardingMethod, quiesce: boolean, diagnostics: Diagnostics): DesiredDestination[] {
  const address = server.text('address');
  if (address === null) {
    diagnostics.error(server.place, `server ${server.name} has no address`, 'it is left out', server.name);
    return [];
  }
  const probed = server.number('port', virtual.number('port', DEFAULT_PORT));
  // Only translation can change the port.
  const port = id.kind === 'fwmark' ? 0 : method === 'masq' ? server.number('port', id.port) : id.port;
  const check: HealthCheck = {
    name: 'nanny', target: { address, port: probed },
    timing: {
      intervalSec: virtual.number('timeout', DEFAULT_INTERVAL_SEC), timeoutSec: virtual.number('timeout', DEFAULT_INTERVAL_SEC), retries: 0, delayBeforeRetrySec: 0, rise: 1, warmupSec: 0, alpha: true,
      reentrySec: virtual.number('reentry', DEFAULT_REENTRY_SEC),
    },
    check: probe(virtual, probed, diagnostics),
  };
  return [{
    destination: { address, port, method, tunnel: IPIP_TUNNEL, weight: server.number('weight', 1), upperThreshold: 0, lowerThreshold: 0 },
    checks: [check], inhibitOnFailure: quiesce, notifyUp: null, notifyDown: null, slowStart: true, loadMonitor: loadMonitor(virtual, root, address),
    // Only active = 1 starts a nanny.
    disabled: server.text('active') !== '1', smtpAlert: false, startsUp: false,
  }];
}

function probe(virtual: Block, port: number, diagnostics: Diagnostics): CheckKind {
  const limited = (word: string): string => {
    const text = unescape(virtual.text(word) ?? '');
    if (text.length > MAX_TEXT) diagnostics.error(virtual.values.get(word)!.place, `${word} is longer than ${MAX_TEXT} characters`, 'cut', word);
    return text.slice(0, MAX_TEXT);
  };
  const program = virtual.text('send_program');
  const expect = limited('expect');
  if (program !== null && program !== '') return { kind: 'exec', command: program, dynamicWeight: false, expectOutput: expect };
  const send = limited('send');
  const udp = virtual.text('protocol') === 'udp';
  if (send === '' && expect === '' && port === DEFAULT_PORT && !udp) return { kind: 'send-expect', send: 'GET / HTTP/1.0\r\n\r\n', expect: 'HTTP', match: 'prefix', udp };
  if (send === '' && expect === '' && !udp) return { kind: 'tcp' };
  return { kind: 'send-expect', send, expect, match: expect === '*' || expect === '' ? 'any' : virtual.text('use_regex') === '1' ? 'regex' : 'prefix', udp };
}

/** \n \r \t \\ \' as nanny reads them; anything else stays. */
export function unescape(text: string): string {
  const meanings: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'" };
  return text.replace(/\\([nrt\\'])/g, (_, letter: string) => meanings[letter]!);
}

function loadMonitor(virtual: Block, root: Block, address: string): LoadMonitor | null {
  const kind = virtual.text('load_monitor');
  if (kind === null || kind === 'none') return null;
  const command = kind === 'uptime' ? `${root.text('rsh_command') ?? 'rsh'} ${address} uptime` : `${kind} ${address}`;
  return { kind: kind as LoadMonitor['kind'], command, scale: LOAD_SCALE };
}

/** The command lvsd would start for a server, as words. */
export function nannyCommand(server: Block, virtual: Block, root: Block): string[] {
  const id = idOf(virtual);
  const port = virtual.number('port', DEFAULT_PORT);
  const send = virtual.text('send');
  const expect = virtual.text('expect');
  const program = virtual.text('send_program');
  const load = virtual.text('load_monitor') ?? 'none';
  const words = [virtual.text('client_monitor') ?? NANNY, '-c', '-h', server.text('address') ?? '', '-p', String(port)];
  const option = (letter: string, value: string | null): void => { if (value !== null && value !== '') words.push(letter, value); };
  if (server.text('port') !== null && server.text('port') !== String(port)) words.push('-r', server.text('port')!);
  if (program !== null && program !== '') words.push('-e', program);
  else option('-s', send);
  option('-x', expect);
  if (virtual.text('use_regex') === '1') words.push('--regex');
  if (virtual.text('quiesce_server') === '1') words.push('-q');
  words.push('-a', virtual.text('reentry') ?? String(DEFAULT_REENTRY_SEC), '-I', root.text('ipvsadm') ?? '/sbin/ipvsadm', '-t', virtual.text('timeout') ?? String(DEFAULT_INTERVAL_SEC), '-w', server.text('weight') ?? '1');
  if (id?.kind === 'fwmark') words.push('-f', String(id.fwmark));
  else words.push('-V', virtual.text('address') ?? '');
  words.push('-M', METHOD_LETTERS[root.text('network') ?? 'nat']!, '-U', load === 'uptime' ? root.text('rsh_command') ?? 'rsh' : load);
  if (virtual.text('protocol') === 'udp') words.push('-u');
  words.push('--lvs');
  return words;
}
