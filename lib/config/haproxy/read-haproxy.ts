/**
 * haproxy.cfg to a desired configuration: listen, and frontend with its default backend, in mode tcp. Servers are reached by NAT, which is what
 * HAProxy's users have: real servers need no set-up. Every word that is not carried over is named.
 */
import type { DesiredConfiguration } from '../../model/desired-configuration.ts';
import { NO_GLOBALS } from '../../model/desired-configuration.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics, type Place } from '../diagnostics.ts';
import { finishProxy } from './finish-proxy.ts';
import { ConditionStack } from './condition-stack.ts';
import { Environment } from './environment.ts';
import { BALANCE_WORDS, BIND_FLAGS, BIND_VALUES, CHECK_OPTIONS, GLOBAL_WORDS, HTTP_CHECK_WORDS, LOST_OPTIONS, LOST_WORDS, NEEDLESS_OPTIONS, NEEDLESS_WORDS, OTHER_SECTIONS, PROXY_SECTIONS, READ_WORDS, REMOVED_OPTIONS, REMOVED_WORDS, TCP_CHECK_WORDS } from './keywords.ts';
import { haproxyLine, timeSec } from './lines.ts';
import { forgetInheritedRules, newProxy, type Proxy } from './proxy.ts';
import { knownParameters } from './servers.ts';

const KNOWN_WORDS = [...READ_WORDS, ...NEEDLESS_WORDS, ...LOST_WORDS];
const KNOWN_OPTIONS = [...NEEDLESS_OPTIONS, ...LOST_OPTIONS, ...CHECK_OPTIONS];
const TIMEOUTS = ['check', 'client', 'client-fin', 'client-hs', 'connect', 'http-keep-alive', 'http-request', 'queue', 'server', 'server-fin', 'tarpit', 'tunnel'];
const MOST_TIMEOUT_SEC = 2_147_483.647;
const MODES = ['tcp', 'http'];
const NEVER_NEGATED = ['tcplog', 'httplog', 'httpslog', 'forwardfor', 'originalto'];
const REFUSED = 'the file is refused; ignored';
/** What names of sections and servers are made of. */
const NAME = /^[A-Za-z0-9_.:-]*$/;

/** Several files are read as one, in order, as `haproxy -f A -f B` does. */
export function readHaproxy(paths: string | readonly string[], host: ConfigHost, wildcardAddress: string | null = null): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const files: string[] = [];
  const proxies: Proxy[] = [];
  const environment = new Environment(host);
  const state: State = { proxies, defaults: null, namedDefaults: new Map(), ambiguous: new Set(), section: 'none', hasSocket: false, environment, conditions: new ConditionStack({ environment: (name) => environment.get(name) }, diagnostics), diagnostics };
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    const text = host.readFile(path);
    if (text === null) {
      diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
      continue;
    }
    files.push(path);
    for (const [index, line] of text.split('\n').entries()) readLine(line, { file: path, line: index + 1, text: line }, state);
    state.conditions.close();
    if (text !== '' && !text.endsWith('\n')) {
      const lines = text.split('\n');
      diagnostics.error({ file: path, line: lines.length, text: lines.at(-1)! }, 'the last line has no line end: the file may have been cut', 'HAProxy refuses the file; the line is read');
    }
  }
  checkNames(proxies, diagnostics);
  const backends = new Map(proxies.filter(({ kind }) => kind === 'backend' || kind === 'listen').map((proxy) => [proxy.name, proxy]));
  const listening = proxies.filter(({ kind, binds }) => (kind === 'listen' || kind === 'frontend') && binds.length > 0);
  if (files.length > 0 && listening.length === 0) diagnostics.add(state.hasSocket ? 'note' : 'error', { file: files[0]!, line: 0 }, 'no listener: no frontend or listen section with a bind line', state.hasSocket ? 'nothing is configured' : 'HAProxy does not start; nothing is configured');
  const used = new Set<string>();
  const services = proxies.flatMap((proxy) => {
    const finished = finishProxy(proxy, backends, host, wildcardAddress, diagnostics);
    if (proxy.defaultBackend !== null && proxy.kind !== 'backend') used.add(proxy.defaultBackend.name);
    return finished === null ? [] : [finished];
  });
  for (const { name, uses } of proxies) {
    for (const use of uses) {
      if (!backends.has(use.name) && !use.name.includes('%[')) diagnostics.error(use.place, `unable to find backend "${use.name}" that ${name} uses`, REFUSED, use.name, [...backends.keys()]);
    }
  }
  for (const [name, { kind, place }] of backends) if (kind === 'backend' && !used.has(name)) diagnostics.note(place, `backend ${name} is no default_backend of a listener`, 'it makes no service', name);
  return { format: 'haproxy', files, services, globals: NO_GLOBALS, diagnostics: diagnostics.list, kept: [] };
}

interface State {
  readonly proxies: Proxy[];
  defaults: Proxy | null;
  readonly namedDefaults: Map<string, Proxy>;
  section: Proxy | 'global' | 'other' | 'none';
  /** The run-time socket counts as a listener too. */
  hasSocket: boolean;
  /** Names that several defaults sections have. */
  readonly ambiguous: Set<string>;
  readonly environment: Environment;
  readonly conditions: ConditionStack;
  readonly diagnostics: Diagnostics;
}

function readLine(line: string, place: Place, state: State): void {
  const { diagnostics, conditions, environment } = state;
  const read = haproxyLine(line, (name) => environment.get(name));
  const { words } = read;
  const [word] = words;
  // Lines that do not count may hold anything, but their .if blocks are counted.
  if (read.problem !== null && conditions.active) diagnostics.error(place, read.problem, 'the file is refused; read as far as it goes', read.at);
  if (word === undefined) return;
  if (word.startsWith('.')) conditions.directive(words, place);
  else if (!conditions.active) return;
  else if ((word === 'no' || word === 'default') && isProxy(state.section)) readNegation(words, place, state.section, diagnostics);
  else if (PROXY_SECTIONS.includes(word)) openSection(words, place, state);
  else if (OTHER_SECTIONS.includes(word) && (!isProxy(state.section) || !KNOWN_WORDS.includes(word))) {
    state.section = word === 'global' ? 'global' : 'other';
    if (word !== 'global') diagnostics.note(place, `section "${words.slice(0, 2).join(' ')}"`, 'has no counterpart where packets are forwarded', word);
  } else if (state.section === 'global') {
    if (word === 'stats' && words[1] === 'socket') state.hasSocket = true;
    if (!environment.change(words) && !GLOBAL_WORDS.includes(word)) diagnostics.error(place, `unknown keyword "${word}" in global section`, REFUSED, word, GLOBAL_WORDS);
  } else if (isProxy(state.section)) readWord(words, place, state.section, diagnostics);
  else if (state.section === 'none') diagnostics.error(place, `unknown keyword "${word}" out of section`, REFUSED, word, [...PROXY_SECTIONS, ...OTHER_SECTIONS]);
}

/** "no option X", "default option X". */
function readNegation([negation = '', word = '', option = '']: readonly string[], place: Place, proxy: Proxy, diagnostics: Diagnostics): void {
  if (word === 'log' && negation === 'no') return;
  if (word !== 'option') diagnostics.error(place, `"${negation}" goes with options only, not with "${word}"`, REFUSED, word === '' ? negation : word);
  else if (CHECK_OPTIONS.includes(option) || NEVER_NEGATED.includes(option) || !KNOWN_OPTIONS.includes(option)) diagnostics.error(place, `no "${negation}" for option "${option}"`, REFUSED, option, KNOWN_OPTIONS);
  else if (proxy.kind !== 'defaults') diagnostics.note(place, `${negation} option ${option}`, 'has no counterpart where packets are forwarded', negation);
}

/** Two sections of the same kind of name, and servers with the same name. */
function checkNames(proxies: readonly Proxy[], diagnostics: Diagnostics): void {
  const seen = new Map<string, Proxy>();
  for (const proxy of proxies) {
    // A listen section clashes only with another one, but whatever follows clashes with it.
    const sides = proxy.kind === 'listen' ? ['listen'] : [proxy.kind, 'listen'];
    const other = sides.map((side) => seen.get(`${side} ${proxy.name}`)).find((one) => one !== undefined);
    if (other !== undefined && proxy.name !== '') diagnostics.error(proxy.place, `${proxy.kind} "${proxy.name}" has the same name as the ${other.kind} in line ${other.place.line}`, 'the file is refused; both are read', proxy.name);
    seen.set(`${proxy.kind} ${proxy.name}`, proxy);
    const servers = new Map<string, number>();
    for (const { words: [name = ''], place } of proxy.servers) {
      if (servers.has(name)) diagnostics.error(place, `another server named "${name}" was defined in line ${servers.get(name)!}`, 'the file is refused; both are read', name);
      servers.set(name, place.line);
    }
  }
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
  if (wanted !== null && state.ambiguous.has(wanted)) state.diagnostics.error(place, `several defaults sections are named "${wanted}"`, 'the file is refused; the last one is taken', wanted);
  const unusable = [...name].find((character) => !NAME.test(character));
  if (unusable !== undefined) state.diagnostics.error(place, `character '${unusable}' is not permitted in ${kind} name "${name}"`, 'the file is refused; taken as it is', name);
  const extra = rest.slice(from < 0 ? 1 : from + 2)[0];
  if (kind !== 'defaults' && from < 0 && extra !== undefined) state.diagnostics.error(place, extra.includes(':') ? `"${extra}": a listening address goes to a bind line` : `unexpected "${extra}" behind the name`, REFUSED, extra);
  if (kind !== 'defaults' && name === '') state.diagnostics.error(place, `${kind} without a name`, REFUSED, kind);
  const proxy = newProxy(kind, name, place, kind === 'defaults' && wanted === null ? null : base);
  if (kind === 'defaults') {
    state.defaults = proxy;
    if (name !== '' && state.namedDefaults.has(name)) state.ambiguous.add(name);
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
    diagnostics.error(place, `unknown keyword "${word}" in ${proxy.kind} section`, REFUSED, word, KNOWN_WORDS);
    return;
  }
  if (word === 'acl' && proxy.kind === 'defaults' && proxy.name === '') diagnostics.error(place, 'acl is not allowed in a defaults section without a name', REFUSED, 'acl');
  if (word === 'use_backend' && first !== undefined && proxy.kind !== 'backend') proxy.uses.push({ name: first, place });
  if (LOST_WORDS.includes(word)) {
    // What is done to HTTP is lost with the section itself.
    if (proxy.mode !== 'http') diagnostics.warn(place, lostText(words), 'not carried over', word);
    return;
  }
  if (NEEDLESS_WORDS.includes(word)) {
    if (proxy.mode !== 'http' && proxy.kind !== 'defaults') diagnostics.note(place, `${words.slice(0, 2).join(' ')}`, 'has no counterpart where packets are forwarded', word);
    return;
  }
  READERS[word]?.(words, first, place, proxy, diagnostics);
}

/** A rule is named whole as far as that is short; what it would have chosen by cannot be seen here. */
function lostText(words: readonly string[]): string {
  const rule = words.join(' ');
  const shown = rule.length > 80 ? `${rule.slice(0, 80)}...` : rule;
  return words[0] === 'use_backend' || words[0] === 'use-server' ? `${shown}: a choice by condition is not possible at layer 4` : `${shown}: a layer 4 forwarder does not look into what is sent`;
}

type Reader = (words: readonly string[], first: string | undefined, place: Place, proxy: Proxy, diagnostics: Diagnostics) => void;

const READERS: Readonly<Record<string, Reader>> = {
  mode: (_words, first, place, proxy, diagnostics) => {
    if (first !== undefined && MODES.includes(first)) proxy.mode = first;
    else if (first === 'health') diagnostics.error(place, '"mode health" does not exist any more', REFUSED, 'health');
    else diagnostics.error(place, `unknown proxy mode "${first ?? ''}"`, REFUSED, first ?? 'mode', MODES);
  },
  bind: (words, first, place, proxy, diagnostics) => {
    if (proxy.kind === 'backend') diagnostics.warn(place, 'bind is not allowed in a backend section', 'ignored', 'bind');
    else if (proxy.kind === 'defaults') diagnostics.error(place, 'bind is not allowed in a defaults section', REFUSED, 'bind');
    else if (first === undefined) diagnostics.error(place, 'bind without an address', REFUSED, 'bind');
    else {
      proxy.binds.push(...first.split(',').filter((text) => text !== '').map((text) => ({ text, place })));
      readBindOptions(words.slice(2), place, proxy, diagnostics);
    }
  },
  server: (words, first, place, proxy, diagnostics) => {
    if (proxy.kind === 'frontend' || proxy.kind === 'defaults') diagnostics.error(place, `server is not allowed in a ${proxy.kind} section`, REFUSED, 'server');
    else if (first !== undefined && !NAME.test(first)) diagnostics.error(place, `server name "${first}" has a character that is not permitted`, REFUSED, first);
    else if (first === undefined || words[2] === undefined) diagnostics.error(place, 'server needs a name and an address', REFUSED, 'server');
    else proxy.servers.push({ words: words.slice(1), place, defaults: [...proxy.serverDefaults] });
  },
  'default-server': (words, _first, place, proxy, diagnostics) => { proxy.serverDefaults.push(...knownParameters(words.slice(1), place, diagnostics)); },
  balance: (words, first, place, proxy, diagnostics) => {
    const name = (first ?? 'roundrobin').replace(/\(.*$/, '');
    if (!BALANCE_WORDS.includes(name)) diagnostics.error(place, `unknown balance algorithm "${first}"`, REFUSED, first ?? 'balance', BALANCE_WORDS);
    else if (/^random\(0*\)$/.test(first ?? '')) diagnostics.error(place, 'balance random: at least 1 draw is needed', REFUSED, first!);
    else proxy.balance = { words: words.slice(1), place };
  },
  'hash-type': (_words, first, place, proxy, diagnostics) => {
    if (first === 'consistent' || first === 'map-based') proxy.consistent = first === 'consistent';
    else diagnostics.error(place, `unknown hash-type "${first ?? ''}"`, REFUSED, first ?? 'hash-type', ['consistent', 'map-based']);
  },
  'server-template': (words, first, place, proxy, diagnostics) => {
    const [, , count = '', target] = words;
    const [, low, high] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(count) ?? [];
    const [from, to] = high === undefined ? [1, Number(low)] : [Number(low), Number(high)];
    if (proxy.kind === 'frontend' || proxy.kind === 'defaults') diagnostics.error(place, `server-template is not allowed in a ${proxy.kind} section`, REFUSED, 'server-template');
    else if (first === undefined || target === undefined || low === undefined || from > to) diagnostics.error(place, 'server-template needs a prefix, a number or range, and an address', REFUSED, low === undefined && count !== '' ? count : 'server-template');
    else proxy.servers.push({ words: [`${first}${from}`, ...words.slice(3)], place, defaults: [...proxy.serverDefaults], copies: to - from + 1 });
  },
  default_backend: (_words, first, place, proxy) => { if (first !== undefined) proxy.defaultBackend = { name: first, place }; },
  disabled: (_words, _first, _place, proxy) => { proxy.disabled = true; },
  enabled: (_words, _first, _place, proxy) => { proxy.disabled = false; },
  'tcp-check': (words, first, place, proxy, diagnostics) => {
    forgetInheritedRules(proxy);
    const word = (first ?? '').replace(/\(.*$/, '');
    if (!TCP_CHECK_WORDS.includes(word)) diagnostics.error(place, `unknown tcp-check rule "${first ?? ''}"`, REFUSED, first ?? 'tcp-check', TCP_CHECK_WORDS);
    else if (word === 'expect' && words[2] === undefined) diagnostics.error(place, 'tcp-check expect needs what to expect', REFUSED, 'expect');
    else if (word === 'send-binary' && !/^([0-9a-f]{2})+$/i.test(words[2] ?? '')) diagnostics.error(place, `tcp-check send-binary: "${words[2] ?? ''}" is not made of hexadecimal octets`, REFUSED, words[2] ?? 'send-binary');
    else if (word === 'connect' && proxy.checkSteps.length > 0 && !proxy.checkSteps.some(({ words: [one] }) => one === 'connect') && proxy.checkSteps.some(({ words: [one = ''] }) => /^(send|expect)/.test(one))) diagnostics.error(place, 'tcp-check connect: the first step must be a connect, too', REFUSED, 'connect');
    else proxy.checkSteps.push({ words: words.slice(1), place });
  },
  'http-check': (words, first, place, proxy, diagnostics) => {
    forgetInheritedRules(proxy);
    if (HTTP_CHECK_WORDS.includes((first ?? '').replace(/\(.*$/, ''))) proxy.httpCheck.push({ words: words.slice(1), place });
    else diagnostics.error(place, `unknown http-check rule "${first ?? ''}"`, REFUSED, first ?? 'http-check', HTTP_CHECK_WORDS);
  },
  'external-check': (words, first, _place, proxy) => { if (first === 'command') proxy.externalCommand = words[2] ?? null; },
  timeout: (words, first, place, proxy, diagnostics) => {
    const seconds = timeSec(words[2]);
    if (first === undefined || !TIMEOUTS.includes(first)) diagnostics.error(place, `unknown timeout "${first ?? ''}"`, REFUSED, first ?? 'timeout', TIMEOUTS);
    else if (seconds === null) diagnostics.error(place, `timeout ${first}: "${words[2] ?? ''}" is no time`, REFUSED, words[2] ?? first);
    else if (seconds > MOST_TIMEOUT_SEC) diagnostics.error(place, `timeout ${first}: ${words[2]!} is longer than 24.8 days`, REFUSED, words[2]!);
    else proxy.timeoutsSec[first] = seconds;
  },
  'stick-table': (words, _first, place, proxy, diagnostics) => {
    const size = words.indexOf('size');
    if (size > 0 && !/^\d+[kmgKMG]?$/.test(words[size + 1] ?? '')) diagnostics.error(place, `stick-table: "${words[size + 1] ?? ''}" is no size`, REFUSED, words[size + 1] ?? 'size');
    const type = words[words.indexOf('type') + 1];
    const expire = words.indexOf('expire');
    if (type === 'ip' || type === 'ipv6') proxy.stickSec = (expire < 0 ? null : timeSec(words[expire + 1])) ?? proxy.stickSec ?? 0;
  },
  stick: (words, first, place, proxy, diagnostics) => {
    if ((first === 'on' || first === 'match') && words[2] === 'src') proxy.stickOnSource = true;
    else diagnostics.warn(place, `${words.join(' ')}: only client addresses can be stuck to`, 'not carried over', 'stick');
  },
  option: (words, first, place, proxy, diagnostics) => {
    if (first !== undefined && REMOVED_OPTIONS.includes(first)) diagnostics.error(place, `option ${first} is not supported any more`, REFUSED, first);
    else if (first === 'pgsql-check' && (words[2] !== 'user' || words[3] === undefined)) diagnostics.error(place, 'option pgsql-check needs "user NAME"', REFUSED, first);
    else if (first === 'mysql-check' && words[2] === 'user' && words[3] === undefined) diagnostics.error(place, 'option mysql-check user needs a name', REFUSED, 'user');
    else if (first === undefined || !KNOWN_OPTIONS.includes(first)) diagnostics.error(place, `unknown option "${first ?? ''}"`, REFUSED, first ?? 'option', KNOWN_OPTIONS);
    else if (CHECK_OPTIONS.includes(first)) proxy.checkOption = { name: first, words: words.slice(2) };
    else if (LOST_OPTIONS.includes(first) && proxy.mode !== 'http') diagnostics.warn(place, `option ${first} needs a proxy`, 'not carried over', first);
  },
};

function readBindOptions(words: readonly string[], place: Place, proxy: Proxy, diagnostics: Diagnostics): void {
  for (let n = 0; n < words.length; n++) {
    const word = words[n]!;
    if (proxy.mode !== 'http' && (word === 'ssl' || word === 'accept-proxy')) diagnostics.warn(place, `bind ... ${word}: a layer 4 forwarder does not end connections`, 'not carried over', word);
    if (word === 'crt') proxy.binds.push({ text: `crt ${words[n + 1] ?? ''}`, place });
    if (BIND_VALUES.includes(word)) n++;
    else if (!BIND_FLAGS.includes(word)) diagnostics.error(place, `unknown bind parameter "${word}"`, REFUSED, word, [...BIND_FLAGS, ...BIND_VALUES]);
  }
}
