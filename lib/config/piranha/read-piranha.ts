/**
 * Piranha's lvs.cf to a desired configuration: one virtual service a `virtual` block, one nanny a server. Unknown words are errors to lvsd; here
 * each one is told and the reader goes on. The forwarding method is the file's, never a server's.
 */
import type { DesiredConfiguration, DesiredService } from '../../model/desired-configuration.ts';
import { NO_GLOBALS } from '../../model/desired-configuration.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics, type Place } from '../diagnostics.ts';
import { readAddress } from '../keepalived/addresses.ts';
import { BLOCKS, GLOBAL, type Directives, type Kind } from './directives.ts';
import { finishVirtual, nannyCommand } from './finish-virtual.ts';

export interface Value { readonly text: string; readonly place: Place }

export class Block {
  readonly kind: string;
  readonly name: string;
  readonly place: Place;
  readonly values = new Map<string, Value>();
  readonly blocks: Block[] = [];

  constructor(kind: string, name: string, place: Place) {
    this.kind = kind;
    this.name = name;
    this.place = place;
  }

  text(word: string): string | null {
    return this.values.get(word)?.text ?? null;
  }

  number(word: string, otherwise: number): number {
    const text = this.text(word);
    return text === null ? otherwise : Number(text);
  }
}

const MOST_NUMBER = 2_147_483_647;

export function readPiranha(path: string, host: ConfigHost): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const text = host.readFile(path);
  if (text === null) diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
  const root = readBlocks(text ?? '', path, host, diagnostics);
  const fos = root.text('service') === 'fos';
  const virtuals = root.blocks.filter(({ kind }) => kind === 'virtual');
  if (fos && virtuals.length > 0) diagnostics.warn(root.values.get('service')!.place, 'service = fos: failover services only', 'virtual blocks are not started', 'fos');
  const services = fos ? [] : virtuals.flatMap((block): DesiredService[] => finishVirtual(block, root, diagnostics));
  const timeouts = { tcp: root.number('tcp_timeout', 0), tcpFin: root.number('tcpfin_timeout', 0), udp: root.number('udp_timeout', 0) };
  const syncDaemon = root.text('syncdaemon') === '1' ? { interface: root.text('syncd_iface') ?? 'eth0', syncId: root.number('syncd_id', 0), maxLength: 0, port: 0, ttl: 0, group: '' } : null;
  const plain = ['syncdaemon', 'syncd_iface', 'syncd_id', 'tcp_timeout', 'tcpfin_timeout', 'udp_timeout', 'network', 'service'];
  return {
    format: 'piranha', files: text === null ? [] : [path], services, globals: { ...NO_GLOBALS, timeouts, syncDaemon }, diagnostics: diagnostics.list.toSorted((a, b) => a.line - b.line),
    kept: [
      ...[...root.values].filter(([name]) => !plain.includes(name)).map(([name, { text: value, place }]) => ({ name, file: place.file, line: place.line, body: value })),
      ...root.blocks.filter(({ kind }) => kind === 'failover').map(({ name, place, values }) => ({ name: `failover ${name}`, file: place.file, line: place.line, body: Object.fromEntries([...values].map(([word, value]) => [word, value.text])) })),
    ],
  };
}

/** The nannies lvsd would start for a file, one command line (as words) for each active server of each active service. */
export function nannyCommands(path: string, host: ConfigHost): string[][] {
  const root = readBlocks(host.readFile(path) ?? '', path, host, new Diagnostics());
  const active = (block: Block): boolean => block.text('active') === '1' && block.text('address') !== null;
  return root.blocks.filter((block) => block.kind === 'virtual' && active(block)).flatMap((virtual) => virtual.blocks.filter(active).map((server) => nannyCommand(server, virtual, root)));
}

function readBlocks(text: string, path: string, host: ConfigHost, diagnostics: Diagnostics): Block {
  const root = new Block('', '', { file: path, line: 0 });
  const open: Block[] = [root];
  for (const [index, line] of text.split('\n').entries()) {
    const place: Place = { file: path, line: index + 1, text: line };
    const content = withoutComment(line).trim();
    if (content === '') continue;
    const block = open.at(-1)!;
    if (content === '}') {
      if (open.length > 1) open.pop();
      else diagnostics.error(place, 'a "}" that closes nothing', 'ignored', '}');
      continue;
    }
    const opening = /^(\w+)\s+("[^"]*"|[^\s{]+)\s*\{$/.exec(content);
    if (opening !== null) {
      const [, kind, name] = opening as unknown as [string, string, string];
      const allowed = block === root ? ['virtual', 'failover'] : block.kind === 'virtual' ? ['server'] : [];
      if (!allowed.includes(kind)) diagnostics.error(place, `unknown command "${kind}"`, 'the block is ignored', kind, allowed);
      const child = new Block(kind, unquote(name), place);
      if (allowed.includes(kind)) block.blocks.push(child);
      open.push(child);
      continue;
    }
    const [, word, value] = /^(\w+)\s*=\s*(.*)$/.exec(content) ?? [];
    if (word === undefined || value === undefined) diagnostics.error(place, `"${content.slice(0, 60)}" is neither "name = value" nor a block`, 'ignored', content.split(/\s/)[0]!);
    else readValue(word, value.trim(), place, block, host, diagnostics);
  }
  if (open.length > 1) diagnostics.error(open.at(-1)!.place, `${open.at(-1)!.kind} ${open.at(-1)!.name} is not closed`, 'it ends with the file', open.at(-1)!.kind);
  return root;
}

function readValue(word: string, raw: string, place: Place, block: Block, host: ConfigHost, diagnostics: Diagnostics): void {
  const directives: Directives = block.kind === '' ? GLOBAL : Object.hasOwn(BLOCKS, block.kind) ? BLOCKS[block.kind]! : {};
  const kind = Object.hasOwn(directives, word) ? directives[word]! : null;
  if (kind === null) {
    diagnostics.error(place, `unknown command "${word}"`, 'ignored', word, Object.keys(directives));
    return;
  }
  const text = raw.startsWith('"') ? unquote(raw) : raw;
  const value = readKind(kind, text, host);
  if (value === null) diagnostics.error(place, `${word}: "${text}" is not ${expectation(kind)}`, 'ignored', text === '' ? word : text, typeof kind === 'string' ? [] : kind.words);
  else block.values.set(word, { text: value, place });
}

/** Canonical text of the value, or null. */
function readKind(kind: Kind, text: string, host: ConfigHost): string | null {
  if (typeof kind !== 'string') return kind.words.includes(text) ? text : null;
  switch (kind) {
    case 'text': return text;
    case 'number': return /^\d{1,10}$/.test(text) && Number(text) <= MOST_NUMBER ? text : null;
    case 'switch': return text === '0' || text === '1' ? text : null;
    case 'port': return /^\d{1,5}$/.test(text) ? (Number(text) <= 65_535 ? text : null) : servicePort(text, host);
    // "IP DEVICE": the device carries the address; it is the data path's business, not the service's.
    case 'address': return readAddress(text.split(/\s+/)[0] ?? '')?.address ?? null;
  }
}

/** Names that samples use, for hosts without /etc/services. */
const WELL_KNOWN: Readonly<Record<string, string>> = { http: '80', https: '443', ftp: '21', smtp: '25', domain: '53', telnet: '23', ssh: '22', pop3: '110', imap: '143', ldap: '389' };

function servicePort(name: string, host: ConfigHost): string | null {
  const port = host.portOf(name, 'tcp');
  return port === null ? (Object.hasOwn(WELL_KNOWN, name) ? WELL_KNOWN[name]! : null) : String(port);
}

function expectation(kind: Kind): string {
  if (typeof kind !== 'string') return `one of ${kind.words.join(', ')}`;
  return { text: 'a text', number: 'a number', switch: '0 or 1', port: 'a port', address: 'an IP address' }[kind];
}

/** Comments begin with # outside quotes. */
function withoutComment(line: string): string {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (line[at] === '"') quoted = !quoted;
    else if (line[at] === '#' && !quoted) return line.slice(0, at);
  }
  return line;
}

function unquote(text: string): string {
  return /^"((?:[^"\\]|\\.)*)"/s.exec(text)?.[1] ?? text.replace(/^"|"$/g, '');
}
