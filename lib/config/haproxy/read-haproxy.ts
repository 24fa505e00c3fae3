/**
 * haproxy.cfg to a desired configuration: listen, and frontend with its default backend, in mode tcp. Servers are reached by NAT, which is what
 * HAProxy's users have: real servers need no set-up. Every word that is not carried over is named.
 */
import type { DesiredConfiguration } from '../../model/desired-configuration.ts';
import { NO_GLOBALS } from '../../model/desired-configuration.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics, type Place } from '../diagnostics.ts';
import { finishProxy } from './finish-proxy.ts';
import { CHECK_OPTIONS, LOST_OPTIONS, LOST_WORDS, NEEDLESS_OPTIONS, NEEDLESS_WORDS, OTHER_SECTIONS, PROXY_SECTIONS, READ_WORDS, REMOVED_WORDS } from './keywords.ts';
import { haproxyWords, timeSec } from './lines.ts';
import { newProxy, type Proxy } from './proxy.ts';

const KNOWN_WORDS = [...READ_WORDS, ...NEEDLESS_WORDS, ...LOST_WORDS];
const KNOWN_OPTIONS = [...NEEDLESS_OPTIONS, ...LOST_OPTIONS, ...CHECK_OPTIONS];
const TIMEOUTS = ['check', 'client', 'client-fin', 'client-hs', 'connect', 'http-keep-alive', 'http-request', 'queue', 'server', 'server-fin', 'tarpit', 'tunnel'];
const MODES = ['tcp', 'http', 'health'];

/** Several files are read as one, in order, as `haproxy -f A -f B` does. */
export function readHaproxy(paths: string | readonly string[], host: ConfigHost, wildcardAddress: string | null = null): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const files: string[] = [];
  const proxies: Proxy[] = [];
  const state: State = { proxies, defaults: null, namedDefaults: new Map(), section: 'none', skipping: 0, hasSocket: false, diagnostics };
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    const text = host.readFile(path);
    if (text === null) {
      diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
      continue;
    }
    files.push(path);
    for (const [index, line] of text.split('\n').entries()) readLine(haproxyWords(line), { file: path, line: index + 1, text: line }, state);
  }
  const backends = new Map(proxies.filter(({ kind }) => kind === 'backend').map((proxy) => [proxy.name, proxy]));
  const listening = proxies.filter(({ kind, binds }) => (kind === 'listen' || kind === 'frontend') && binds.length > 0);
  if (files.length > 0 && listening.length === 0) diagnostics.add(state.hasSocket ? 'note' : 'error', { file: files[0]!, line: 0 }, 'no listener: no frontend or listen section with a bind line', state.hasSocket ? 'nothing is configured' : 'HAProxy does not start; nothing is configured');
  const used = new Set<string>();
  const services = proxies.flatMap((proxy) => {
    const finished = finishProxy(proxy, backends, host, wildcardAddress, diagnostics);
    if (proxy.defaultBackend !== null && proxy.kind !== 'backend') used.add(proxy.defaultBackend.name);
    return finished === null ? [] : [finished];
  });
  for (const [name, { place }] of backends) if (!used.has(name)) diagnostics.note(place, `backend ${name} is no default_backend of a listener`, 'it makes no service', name);
  return { format: 'haproxy', files, services, globals: NO_GLOBALS, diagnostics: diagnostics.list, kept: [] };
}

interface State {
  readonly proxies: Proxy[];
  defaults: Proxy | null;
  readonly namedDefaults: Map<string, Proxy>;
  section: Proxy | 'other' | 'none';
  /** The run-time socket counts as a listener too. */
  hasSocket: boolean;
  /** Depth of .if blocks whose lines are not read. */
  skipping: number;
  readonly diagnostics: Diagnostics;
}

function readLine(words: readonly string[], place: Place, state: State): void {
  const [word] = words;
  const { diagnostics } = state;
  if (word === undefined) return;
  if (word === '.if') {
    state.skipping++;
    diagnostics.warn(place, `condition "${words.slice(1).join(' ')}" is not judged`, 'its lines are left out', word);
  } else if (word === '.endif') state.skipping = Math.max(0, state.skipping - 1);
  else if (word === '.else') state.skipping = state.skipping > 0 ? 0 : 1;
  else if (state.skipping > 0 || word.startsWith('.')) return;
  else if (PROXY_SECTIONS.includes(word)) openSection(words, place, state);
  else if (OTHER_SECTIONS.includes(word) && (!isProxy(state.section) || !KNOWN_WORDS.includes(word))) {
    state.section = 'other';
    if (word !== 'global') diagnostics.note(place, `section "${words.slice(0, 2).join(' ')}"`, 'has no counterpart where packets are forwarded', word);
  } else if (state.section === 'other' && word === 'stats' && words[1] === 'socket') state.hasSocket = true;
  else if (isProxy(state.section)) readWord(words, place, state.section, diagnostics);
  else if (state.section === 'none') diagnostics.error(place, `unknown keyword "${word}" out of section`, 'the file is refused; ignored', word, [...PROXY_SECTIONS, ...OTHER_SECTIONS]);
}

function isProxy(section: State['section']): section is Proxy {
  return typeof section === 'object';
}

function openSection(words: readonly string[], place: Place, state: State): void {
  const [kind, ...rest] = words as [string, ...string[]];
  const from = rest.indexOf('from');
  const name = from === 0 ? '' : rest[0] ?? '';
  const wanted = from >= 0 ? rest[from + 1] ?? '' : null;
  const base = wanted === null ? state.defaults : state.namedDefaults.get(wanted) ?? null;
  if (wanted !== null && base === null) state.diagnostics.error(place, `no defaults section "${wanted}"`, 'the file is refused; read without defaults', wanted, [...state.namedDefaults.keys()]);
  if (kind !== 'defaults' && name === '') state.diagnostics.error(place, `${kind} without a name`, 'the file is refused; ignored', kind);
  const proxy = newProxy(kind, name, place, kind === 'defaults' && wanted === null ? null : base);
  // "listen NAME ADDRESS:PORT" is an old way to bind.
  if (kind !== 'defaults' && kind !== 'backend' && rest[1] !== undefined && rest[1] !== 'from' && rest[1].includes(':')) proxy.binds.push({ text: rest[1], place });
  if (kind === 'defaults') {
    state.defaults = proxy;
    if (name !== '') state.namedDefaults.set(name, proxy);
  } else state.proxies.push(proxy);
  state.section = proxy;
}

function readWord(words: readonly string[], place: Place, proxy: Proxy, diagnostics: Diagnostics): void {
  const [word, first] = words as [string, ...string[]];
  if (REMOVED_WORDS.includes(word)) {
    diagnostics.error(place, `"${word}" is not supported any more`, 'HAProxy refuses the file; ignored', word);
    return;
  }
  if (!KNOWN_WORDS.includes(word)) {
    diagnostics.error(place, `unknown keyword "${word}" in ${proxy.kind} section`, 'the file is refused; ignored', word, KNOWN_WORDS);
    return;
  }
  if (LOST_WORDS.includes(word)) {
    // What is done to HTTP is lost with the section itself.
    if (proxy.mode !== 'http') diagnostics.warn(place, `${words.slice(0, 2).join(' ')}: a layer 4 forwarder does not look into what is sent`, 'not carried over', word);
    return;
  }
  if (NEEDLESS_WORDS.includes(word)) {
    if (proxy.mode !== 'http' && proxy.kind !== 'defaults') diagnostics.note(place, `${words.slice(0, 2).join(' ')}`, 'has no counterpart where packets are forwarded', word);
    return;
  }
  READERS[word]?.(words, first, place, proxy, diagnostics);
}

type Reader = (words: readonly string[], first: string | undefined, place: Place, proxy: Proxy, diagnostics: Diagnostics) => void;

const READERS: Readonly<Record<string, Reader>> = {
  mode: (_words, first, place, proxy, diagnostics) => {
    if (first !== undefined && MODES.includes(first)) proxy.mode = first;
    else diagnostics.error(place, `unknown proxy mode "${first ?? ''}"`, 'the file is refused; ignored', first ?? 'mode', MODES);
  },
  bind: (words, first, place, proxy, diagnostics) => {
    if (proxy.kind === 'backend' || proxy.kind === 'defaults') diagnostics.error(place, `bind is not allowed in a ${proxy.kind} section`, 'the file is refused; ignored', 'bind');
    else if (first === undefined) diagnostics.error(place, 'bind without an address', 'the file is refused; ignored', 'bind');
    else {
      proxy.binds.push(...first.split(',').map((text) => ({ text, place })));
      readBindOptions(words.slice(2), place, proxy, diagnostics);
    }
  },
  server: (words, first, place, proxy, diagnostics) => {
    if (first === undefined || words[2] === undefined) diagnostics.error(place, 'server needs a name and an address', 'the file is refused; ignored', 'server');
    else proxy.servers.push({ words: words.slice(1), place, defaults: [...proxy.serverDefaults] });
  },
  'default-server': (words, _first, _place, proxy) => { proxy.serverDefaults.push(...words.slice(1)); },
  balance: (words, _first, place, proxy) => { proxy.balance = { words: words.slice(1), place }; },
  'hash-type': (_words, first, _place, proxy) => { proxy.consistent = first === 'consistent'; },
  default_backend: (_words, first, place, proxy) => { if (first !== undefined) proxy.defaultBackend = { name: first, place }; },
  disabled: (_words, _first, _place, proxy) => { proxy.disabled = true; },
  enabled: (_words, _first, _place, proxy) => { proxy.disabled = false; },
  'tcp-check': (words, _first, place, proxy) => { proxy.checkSteps.push({ words: words.slice(1), place }); },
  'http-check': (words, _first, _place, proxy) => { proxy.httpCheck.push({ words: words.slice(1) }); },
  'external-check': (words, first, _place, proxy) => { if (first === 'command') proxy.externalCommand = words[2] ?? null; },
  timeout: (words, first, place, proxy, diagnostics) => {
    const seconds = timeSec(words[2]);
    if (first === undefined || !TIMEOUTS.includes(first)) diagnostics.error(place, `unknown timeout "${first ?? ''}"`, 'the file is refused; ignored', first ?? 'timeout', TIMEOUTS);
    else if (seconds === null) diagnostics.error(place, `timeout ${first}: "${words[2] ?? ''}" is no time`, 'the file is refused; ignored', words[2] ?? first);
    else proxy.timeoutsSec[first] = seconds;
  },
  'stick-table': (words, _first, _place, proxy) => {
    const type = words[words.indexOf('type') + 1];
    const expire = words.indexOf('expire');
    if (type === 'ip' || type === 'ipv6') proxy.stickSec = (expire < 0 ? null : timeSec(words[expire + 1])) ?? proxy.stickSec ?? 0;
  },
  stick: (words, first, place, proxy, diagnostics) => {
    if ((first === 'on' || first === 'match') && words[2] === 'src') proxy.stickOnSource = true;
    else diagnostics.warn(place, `${words.join(' ')}: only client addresses can be stuck to`, 'not carried over', 'stick');
  },
  option: (words, first, place, proxy, diagnostics) => {
    if (first === undefined || !KNOWN_OPTIONS.includes(first)) diagnostics.error(place, `unknown option "${first ?? ''}"`, 'the file is refused; ignored', first ?? 'option', KNOWN_OPTIONS);
    else if (CHECK_OPTIONS.includes(first)) proxy.checkOption = { name: first, words: words.slice(2) };
    else if (LOST_OPTIONS.includes(first) && proxy.mode !== 'http') diagnostics.warn(place, `option ${first} needs a proxy`, 'not carried over', first);
  },
};

const BIND_WITH_VALUE = ['crt', 'crt-list', 'ca-file', 'alpn', 'npn', 'ciphers', 'ciphersuites', 'maxconn', 'name', 'id', 'interface', 'user', 'group', 'mode', 'uid', 'gid', 'level', 'mss', 'namespace', 'nice', 'backlog', 'process', 'thread', 'proto', 'verify', 'tcp-ut'];

function readBindOptions(words: readonly string[], place: Place, proxy: Proxy, diagnostics: Diagnostics): void {
  for (let n = 0; n < words.length; n++) {
    const word = words[n]!;
    if (proxy.mode !== 'http' && (word === 'ssl' || word === 'accept-proxy')) diagnostics.warn(place, `bind ... ${word}: a layer 4 forwarder does not end connections`, 'not carried over', word);
    if (word === 'crt') proxy.binds.push({ text: `crt ${words[n + 1] ?? ''}`, place });
    if (BIND_WITH_VALUE.includes(word)) n++;
  }
}
