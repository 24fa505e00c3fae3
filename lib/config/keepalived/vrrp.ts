/**
 * VRRP blocks are parsed and kept. What keepalived says about a vrrp_instance that is no good is said here too, so that a file that was clean
 * for services does not turn out broken later.
 */
import type { ConfigHost } from '../config-host.ts';
import type { Diagnostics, Place } from '../diagnostics.ts';
import { readAddress } from './addresses.ts';
import type { Item } from './block-parser.ts';
import type { ConfigLine } from './line-source.ts';
import { INSTANCE_WORDS } from './words.ts';

export interface KeptBlock { readonly name: string; readonly line: ConfigLine; readonly items: readonly Item[] }

const MAX_PASSWORD = 8;
const DEFAULT_PRIORITY = 100;
const LOOPBACK = 'lo';

export interface VrrpGlobals { readonly strict: boolean; readonly version: number }

/** Everything as plain values, for DesiredConfiguration.kept. */
export function keptBody(items: readonly Item[]): unknown {
  return items.map(({ line, children }) => (children === null ? line.words : { words: line.words, block: keptBody(children) }));
}

export function checkVrrp(blocks: readonly KeptBlock[], globals: VrrpGlobals, host: ConfigHost, diagnostics: Diagnostics): void {
  const used = new Map<string, string>();
  const names = new Set<string>();
  const scripts = checkScripts(blocks, diagnostics);
  for (const block of blocks) {
    if (block.name !== 'vrrp_instance') continue;
    const name = block.line.words[1] ?? '';
    if (names.has(name)) diagnostics.warn(block.line.place, `vrrp_instance ${name} stands there twice`, 'the second one is left out', name);
    else new Instance(block, name, globals, host, diagnostics).check(used);
    names.add(name);
    for (const { line, children } of block.items.filter(({ line: one }) => one.words[0] === 'track_script')) {
      for (const { line: tracked } of children ?? []) {
        if (!scripts.has(tracked.words[0]!)) diagnostics.warn(tracked.place, `(${name}) no vrrp_script "${tracked.words[0]}" to track`, 'ignored', tracked.words[0]!, [...scripts]);
      }
      if (children === null) diagnostics.warn(line.place, `(${name}) track_script without a block`, 'ignored', 'track_script');
    }
  }
}

/** Names of scripts that can be tracked. */
function checkScripts(blocks: readonly KeptBlock[], diagnostics: Diagnostics): Set<string> {
  const usable = new Set<string>();
  for (const { name, line, items } of blocks) {
    if (name !== 'vrrp_script' || line.words[1] === undefined) continue;
    if (items.some(({ line: one }) => one.words[0] === 'script' && one.words.length > 1)) usable.add(line.words[1]);
    else diagnostics.warn(line.place, `vrrp_script ${line.words[1]} has no script`, 'left out', line.words[1]);
  }
  return usable;
}

class Instance {
  readonly #block: KeptBlock;
  readonly #name: string;
  readonly #globals: VrrpGlobals;
  readonly #host: ConfigHost;
  readonly #diagnostics: Diagnostics;

  constructor(block: KeptBlock, name: string, globals: VrrpGlobals, host: ConfigHost, diagnostics: Diagnostics) {
    this.#block = block;
    this.#name = name;
    this.#globals = globals;
    this.#host = host;
    this.#diagnostics = diagnostics;
  }

  /** `used` collects who uses which virtual router id of an interface. */
  check(used: Map<string, string>): void {
    const { place } = this.#block.line;
    for (const { line } of this.#block.items) {
      if (!INSTANCE_WORDS.includes(line.words[0]!)) this.#warn(line.place, `unknown keyword "${line.words[0]}"`, 'ignored', line.words[0], INSTANCE_WORDS);
    }
    const family = this.#addresses();
    const version = this.#version(family);
    this.#interface();
    const routerId = this.#number('virtual_router_id', 1, 255);
    if (routerId === null) this.#warn(place, 'the virtual router id must be set', 'the instance does not run');
    const priority = this.#priority();
    this.#advertInterval(version);
    this.#authentication(version, priority);
    const master = this.#item('state')?.words[1] === 'MASTER';
    const noPreempt = this.#item('nopreempt');
    if (master && noPreempt !== null) this.#warn(noPreempt.place, 'nopreempt does not work with initial state MASTER', 'nopreempt is off', 'nopreempt');
    const peers = this.#children('unicast_peer');
    if (peers !== null && peers.length === 0) this.#warn(this.#item('unicast_peer')!.place, 'unicast without any unicast peer', 'multicast is used', 'unicast_peer');
    this.#uniqueId(routerId, family, used);
  }

  #addresses(): 4 | 6 {
    const all = ['virtual_ipaddress', 'virtual_ipaddress_excluded'].flatMap((word) => this.#children(word) ?? []);
    if (all.length === 0) {
      this.#warn(this.#block.line.place, 'no virtual_ipaddress: at least one is sensible', 'the instance has no address');
      return 4;
    }
    let family: 4 | 6 | null = null;
    for (const { line } of this.#children('virtual_ipaddress') ?? []) {
      const text = line.words[0]!;
      const read = readAddress(text.replace(/\/\d+$/, ''));
      if (read === null) this.#warn(line.place, `"${text}" is no address`, 'left out', text);
      else if (family !== null && read.family !== family) this.#warn(line.place, `address ${text} is of another family than the instance`, 'ignored', text);
      else family ??= read.family;
    }
    return family ?? 4;
  }

  #version(family: 4 | 6): number {
    if (family === 6) return 3;
    const stated = this.#number('version', 2, 3);
    return stated ?? this.#globals.version;
  }

  #interface(): void {
    const line = this.#item('interface');
    const name = line?.words[1];
    if (line === null || name === undefined) {
      this.#warn(this.#block.line.place, 'no interface', 'the instance does not run');
    } else if (name === LOOPBACK) {
      this.#warn(line.place, `a loopback interface (${name}) cannot be used for VRRP`, 'ignored: the instance has no interface', name);
    } else if (this.#host.hasInterface(name) === false) {
      this.#warn(line.place, `interface ${name} does not exist`, 'the instance does not run until it does', name);
    }
  }

  #priority(): number {
    if (this.#item('priority') === null) return DEFAULT_PRIORITY;
    return this.#number('priority', 1, 255, `the default ${DEFAULT_PRIORITY} is used`) ?? DEFAULT_PRIORITY;
  }

  #advertInterval(version: number): void {
    const line = this.#item('advert_int');
    const text = line?.words[1];
    if (line === null || text === undefined) return;
    const seconds = Number(text);
    if (!(seconds > 0)) this.#warn(line.place, `advert_int "${text}" is no time`, 'the default of 1 s is used', text);
    else if (version === 2 && !Number.isInteger(seconds)) this.#warn(line.place, `VRRP version 2 sends adverts in whole seconds, not every ${text} s`, 'rounded', text);
  }

  #authentication(version: number, priority: number): void {
    const block = this.#children('authentication');
    const line = this.#item('authentication');
    if (block === null || line === null) return;
    const type = block.find(({ line: one }) => one.words[0] === 'auth_type')?.line.words[1];
    const password = block.find(({ line: one }) => one.words[0] === 'auth_pass')?.line;
    if (password?.words[1] !== undefined && password.words[1].length > MAX_PASSWORD) this.#warn(password.place, `auth_pass is longer than ${MAX_PASSWORD} characters`, `cut to ${MAX_PASSWORD}`, 'auth_pass');
    if (version === 3) this.#warn(line.place, 'VRRP version 3 has no authentication', 'ignored', 'authentication');
    else if (this.#globals.strict) this.#warn(line.place, 'strict mode has no authentication', 'ignored', 'authentication');
    else if (type === 'AH' && this.#item('state')?.words[1] === 'MASTER' && priority < 255) this.#warn(this.#item('state')!.place, 'initial state MASTER does not go with AH authentication', 'the instance starts as BACKUP', 'MASTER');
  }

  #uniqueId(routerId: number | null, family: 4 | 6, used: Map<string, string>): void {
    const name = this.#item('interface')?.words[1];
    if (routerId === null || name === undefined) return;
    const key = `${name} ${routerId} ${family}`;
    const other = used.get(key);
    if (other === undefined) used.set(key, this.#name);
    else this.#warn(this.#item('virtual_router_id')!.place, `${other} uses virtual router id ${routerId} with IPv${family} on ${name} too`, 'the two will quarrel', String(routerId));
  }

  /** The last one counts. */
  #item(word: string): ConfigLine | null {
    return this.#block.items.findLast(({ line }) => line.words[0] === word)?.line ?? null;
  }

  #children(word: string): readonly Item[] | null {
    const found = this.#block.items.filter(({ line }) => line.words[0] === word);
    return found.length === 0 ? null : found.flatMap(({ children }) => children ?? []);
  }

  #number(word: string, least: number, most: number, effect = 'ignored'): number | null {
    const line = this.#item(word);
    const text = line?.words[1];
    if (line === null || text === undefined) return null;
    if (/^-?\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    this.#warn(line.place, `${word}: "${text}" is not a number of [${least}, ${most}]`, effect, text);
    return null;
  }

  #warn(place: Place, message: string, effect: string, word?: string, known: readonly string[] = []): void {
    this.#diagnostics.warn(place, `(${this.#name}) ${message}`, effect, word ?? null, known);
  }
}
