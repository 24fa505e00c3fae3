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

/** Where a statement begins: "KIND NAME {", "{", "}", "word = value"; several may share a line, and a "{" may stand on the next one. */
const OPENING = /^(\w+)[ \t]+("(?:[^"\\]|\\.)*"|[^\s{}="]+)[ \t]*(\{?)/;
const NAMELESS = /^(\w+)[ \t]*\{/;
const ASSIGNMENT = /^([\w-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"?|[^}"]*?(?=[ \t]+[\w-]+[ \t]*=|[}"]|$))/;

class BlockReader {
  readonly root: Block;
  readonly #open: Block[];
  readonly #host: ConfigHost;
  readonly #diagnostics: Diagnostics;
  /** Named, but its "{" has not come yet. */
  #pending: Block | null = null;

  constructor(path: string, host: ConfigHost, diagnostics: Diagnostics) {
    this.root = new Block('', '', { file: path, line: 0 });
    this.#open = [this.root];
    this.#host = host;
    this.#diagnostics = diagnostics;
  }

  line(text: string, place: Place): void {
    let rest = text.trim();
    while (rest !== '') {
      const used = this.#statement(rest, place);
      rest = rest.slice(used).trim();
    }
  }

  close(): void {
    if (this.#pending !== null) this.#diagnostics.error(this.#pending.place, `${this.#pending.kind} ${this.#pending.name} has no block`, 'ignored', this.#pending.kind);
    const last = this.#open.at(-1)!;
    if (this.#open.length > 1) this.#diagnostics.error(last.place, `${last.kind} ${last.name} is not closed`, 'it ends with the file', last.kind);
  }

  /** How much of the text it took; at least one character. */
  #statement(text: string, place: Place): number {
    if (text[0] === '{') {
      if (this.#pending !== null) this.#open.push(this.#pending);
      else this.#diagnostics.error(place, 'a "{" that opens nothing', 'ignored', '{');
      this.#pending = null;
      return 1;
    }
    if (this.#pending !== null) {
      this.#diagnostics.error(this.#pending.place, `${this.#pending.kind} ${this.#pending.name} has no "{"`, 'read as if it stood there', this.#pending.kind);
      this.#open.push(this.#pending);
      this.#pending = null;
    }
    if (text[0] === '}') {
      if (this.#open.length > 1) this.#open.pop();
      else this.#diagnostics.error(place, 'a "}" that closes nothing', 'ignored', '}');
      return 1;
    }
    const assignment = ASSIGNMENT.exec(text);
    if (assignment !== null) {
      const [all, word, value] = assignment as unknown as [string, string, string];
      readValue(word, value.trim(), place, this.#open.at(-1)!, this.#host, this.#diagnostics);
      return all.length;
    }
    const opening = OPENING.exec(text);
    const nameless = opening === null ? NAMELESS.exec(text) : null;
    if (nameless !== null) this.#diagnostics.error(place, `${nameless[1]} without a name`, 'read without one', nameless[1]!);
    if (opening === null && nameless === null) {
      this.#diagnostics.error(place, `"${text.slice(0, 60)}" is neither "name = value" nor a block`, 'ignored', text.split(/\s/)[0]!);
      return text.length;
    }
    const kind = opening?.[1] ?? nameless![1]!;
    // "name value" without an equals sign is no block.
    if (opening !== null && opening[3] === '' && !['virtual', 'failover', 'server'].includes(kind)) {
      const known = Object.keys(directivesOf(this.#open.at(-1)!));
      this.#diagnostics.error(place, known.includes(kind) ? `"=" is missing behind "${kind}"` : `unknown command "${kind}"`, 'ignored', kind, known);
      return text.length;
    }
    this.#begin(kind, unquote(opening?.[2] ?? ''), place);
    if ((opening?.[3] ?? '{') !== '{') return opening![0].length;
    this.#open.push(this.#pending!);
    this.#pending = null;
    return opening?.[0].length ?? nameless![0].length;
  }

  #begin(kind: string, name: string, place: Place): void {
    const block = this.#open.at(-1)!;
    const allowed = block === this.root ? ['virtual', 'failover'] : block.kind === 'virtual' ? ['server'] : [];
    const child = new Block(kind, name, place);
    if (!allowed.includes(kind)) this.#diagnostics.error(place, `unknown command "${kind}"`, 'the block is ignored', kind, allowed);
    else {
      if (block.blocks.some((one) => one.kind === kind && one.name === name)) this.#diagnostics.warn(place, `${kind} ${name} stands there twice`, 'both are read', name === '' ? kind : name);
      block.blocks.push(child);
    }
    this.#pending = child;
  }
}

function readBlocks(text: string, path: string, host: ConfigHost, diagnostics: Diagnostics): Block {
  const reader = new BlockReader(path, host, diagnostics);
  for (const [index, line] of text.split('\n').entries()) reader.line(withoutComment(line), { file: path, line: index + 1, text: line });
  reader.close();
  return reader.root;
}

function directivesOf(block: Block): Directives {
  return block.kind === '' ? GLOBAL : Object.hasOwn(BLOCKS, block.kind) ? BLOCKS[block.kind]! : {};
}

function readValue(word: string, raw: string, place: Place, block: Block, host: ConfigHost, diagnostics: Diagnostics): void {
  const directives = directivesOf(block);
  const kind = Object.hasOwn(directives, word) ? directives[word]! : null;
  if (kind === null) {
    diagnostics.error(place, `unknown command "${word}"`, 'ignored', word, Object.keys(directives));
    return;
  }
  const text = raw.startsWith('"') ? unquote(raw) : raw;
  const value = readKind(kind, text, host);
  if (raw.startsWith('"') && !/^"(?:[^"\\]|\\.)*"$/.test(raw)) diagnostics.error(place, `${word}: a quote that does not end`, 'it ends with the line', word);
  if (block.values.has(word) && value !== null) diagnostics.note(place, `${word} stands there twice`, 'the later one counts', word);
  if (text === '' && kind !== 'text') diagnostics.error(place, `${word} has no value`, 'ignored', word);
  else if (value === null) diagnostics.error(place, `${word}: "${text}" is not ${expectation(kind)}`, 'ignored', text === '' ? word : text, typeof kind === 'string' ? [] : kind.words);
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
    case 'address': {
      const read = readAddress(text.split(/\s+/)[0] ?? '');
      return read?.family === 4 ? read.address : null;
    }
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
  return { text: 'a text', number: 'a number', switch: '0 or 1', port: 'a port', address: 'an IPv4 address' }[kind];
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
