/** The native format (YAML or JSON) to a desired configuration. It is ours, so it is strict: what the schema does not know is refused. */
import { LineCounter, parseDocument, type Node } from 'yaml';
import { IPIP_TUNNEL, type Destination, type ForwardingMethod, type Tunnel } from '../../model/destination.ts';
import { NO_GLOBALS, type DesiredConfiguration, type DesiredDestination, type DesiredGlobals, type DesiredService, type LoadMonitor, type Script, type ServicePolicy, type SorryServer } from '../../model/desired-configuration.ts';
import type { CheckKind, CheckTarget, HealthCheck, HttpUrl } from '../../model/health-check.ts';
import { SCHED_FLAG, serviceFamily, type ServiceId } from '../../model/virtual-service.ts';
import { isSchedulerName, SCHEDULER_NAMES, schedulerFlagNames } from '../../schedulers/names.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics } from '../diagnostics.ts';
import { readAddress } from '../keepalived/addresses.ts';
import { NodeReader, type Values } from './nodes.ts';
import { CHECKS, LOAD, SCRIPT, SERVER, SERVICE, SMTP, SORRY, SYNC, TIMEOUTS, TIMING, TOP, TUNNEL, URL_FIELDS, type Field, type FieldType } from './schema.ts';

export const METHODS: Readonly<Record<string, ForwardingMethod>> = { nat: 'masq', dr: 'route', tun: 'tunnel', local: 'local' };
const ANY_FLAGS = [{ name: 'flag-1', bit: SCHED_FLAG.flag1 }, { name: 'flag-2', bit: SCHED_FLAG.flag2 }, { name: 'flag-3', bit: SCHED_FLAG.flag3 }];
const TARGET_FIELDS = ['address', 'port', 'bindAddress', 'bindPort', 'bindInterface', 'fwmark', 'viaVip'] as const;

export function readNative(path: string, host: ConfigHost): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const text = host.readFile(path);
  if (text === null) diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
  const { globals, services } = new NativeReader(path, text ?? 'version: 1', diagnostics).read();
  return { format: 'native', files: text === null ? [] : [path], services, globals, diagnostics: diagnostics.list, kept: [] };
}

class NativeReader {
  readonly #nodes: NodeReader;
  readonly #document: ReturnType<typeof parsed>;
  readonly #path: string;
  readonly #diagnostics: Diagnostics;
  /** Where a server stands in the file. */
  readonly #nodeOf = new WeakMap<Values, Node>();

  constructor(path: string, text: string, diagnostics: Diagnostics) {
    const counter = new LineCounter();
    this.#path = path;
    this.#diagnostics = diagnostics;
    this.#nodes = new NodeReader(path, text, counter, diagnostics);
    this.#document = parsed(text, counter);
    if (this.#document === null) {
      diagnostics.error({ file: path, line: 0 }, 'no YAML: nested too deeply', 'the file is refused');
      return;
    }
    for (const error of this.#document.errors) {
      const { line, col } = counter.linePos(error.pos[0]);
      diagnostics.error({ file: path, line, text: `${' '.repeat(Math.max(0, col - 1))}x` }, `no YAML: ${error.message.split('\n')[0]}`, 'the file is refused');
    }
  }

  read(): { readonly globals: DesiredGlobals; readonly services: readonly DesiredService[] } {
    if (this.#document === null) return { globals: NO_GLOBALS, services: [] };
    const { contents } = this.#document;
    if (this.#document.errors.length > 0) return { globals: NO_GLOBALS, services: [] };
    if (contents === null) {
      this.#diagnostics.error({ file: this.#path, line: 0 }, 'the file is empty', 'the file is refused');
      return { globals: NO_GLOBALS, services: [] };
    }
    const top = this.#nodes.object(contents as Node, TOP, 'the file', (node, type) => this.#nested(node, type)) ?? {};
    const { services = [], version: _, watchFile = 0, ...globals } = top;
    return { globals: { ...NO_GLOBALS, ...(globals as Partial<DesiredGlobals>), watchFileSec: watchFile as number }, services: services as DesiredService[] };
  }

  #object(node: Node, fields: Readonly<Record<string, Field>>, what: string): Values | null {
    return this.#nodes.object(node, fields, what, (child, type) => this.#nested(child, type));
  }

  #nested(node: Node, type: FieldType): unknown {
    switch (type) {
      case 'services': return this.#nodes.list(node, 'services').map((item) => this.#service(item)).filter((item) => item !== null);
      case 'listen': return this.#listen(node);
      case 'checks': return this.#nodes.list(node, 'checks').map((item) => this.#check(item)).filter((item) => item !== null);
      case 'servers': return this.#nodes.list(node, 'servers').map((item) => this.#server(item));
      case 'sorryServer': return this.#addressed(node, SORRY, 'sorryServer') ?? undefined;
      case 'script': return this.#nodes.text(node) === null ? this.#object(node, SCRIPT, 'script') ?? undefined : { command: this.#nodes.text(node)! };
      case 'urls': return this.#nodes.list(node, 'urls').map((item) => (this.#nodes.text(item) === null ? this.#object(item, URL_FIELDS, 'url') : { path: this.#nodes.text(item)! })).filter((item) => item !== null);
      case 'ranges': return this.#ranges(node);
      case 'tunnel': return this.#object(node, TUNNEL, 'tunnel') ?? undefined;
      case 'loadMonitor': return this.#object(node, LOAD, 'loadMonitor') ?? undefined;
      case 'timeouts': return this.#object(node, TIMEOUTS, 'timeouts') ?? undefined;
      case 'syncDaemon': return this.#object(node, SYNC, 'syncDaemon') ?? undefined;
      case 'smtp': return this.#object(node, SMTP, 'smtp') ?? undefined;
      default: return undefined;
    }
  }

  #service(node: Node): DesiredService | null {
    const values = this.#object(node, SERVICE, 'service');
    const ids = (values?.['listen'] ?? []) as readonly ServiceId[];
    const [id] = ids;
    if (values === null || id === undefined) return null;
    const scheduler = String(values['scheduler']);
    if (!isSchedulerName(scheduler)) this.#nodes.refuse(node, `unknown scheduler "${scheduler}"`, scheduler, SCHEDULER_NAMES);
    const family = serviceFamily(id);
    const servers = values['servers'] as readonly (Values | null)[];
    const sorry = (values['sorryServer'] ?? null) as Values | null;
    const checks = values['checks'] as readonly HealthCheck[];
    const destinations = servers.flatMap((server): DesiredDestination[] => {
      const destination = server === null ? null : this.#destination(server, values, ids, node);
      return destination === null ? [] : [{
        destination, checks: (server!['checks'] ?? checks) as readonly HealthCheck[], inhibitOnFailure: server!['inhibitOnFailure'] as boolean, notifyUp: script(server!['notifyUp']), notifyDown: script(server!['notifyDown']),
        slowStart: server!['slowStart'] as boolean, loadMonitor: (server!['loadMonitor'] ?? null) as LoadMonitor | null, disabled: server!['disabled'] as boolean, smtpAlert: server!['smtpAlert'] as boolean, startsUp: server!['startsUp'] as boolean,
      }];
    });
    const sorryDestination = sorry === null ? null : this.#destination(sorry, values, ids, node);
    return {
      ids, name: (values['name'] ?? idText(id)) as string, destinations,
      service: {
        id, scheduler, schedFlags: this.#flags(values['schedulerFlags'] as readonly string[], scheduler, node), persistenceSec: values['persistence'] as number,
        persistenceMask: this.#mask(values['persistenceMask'] as string | undefined, family, node), persistenceEngine: (values['persistenceEngine'] ?? null) as string | null, onePacket: values['onePacket'] as boolean,
      },
      policy: {
        ...(Object.fromEntries(['quorum', 'hysteresis', 'alpha', 'omega', 'haSuspend', 'smtpAlert', 'panicThreshold', 'onFailure', 'endFailed'].map((field) => [field, values[field]])) as unknown as ServicePolicy),
        quorumUp: script(values['quorumUp']), quorumDown: script(values['quorumDown']),
        sorryServer: sorryDestination === null ? null : { destination: sorryDestination, inhibit: sorry!['inhibit'] as boolean, mode: sorry!['mode'] as SorryServer['mode'] },
      },
    };
  }

  /** A mapping, or its address alone. */
  #addressed(node: Node, fields: Readonly<Record<string, Field>>, what: string): Values | null {
    const text = this.#nodes.text(node);
    const values = text === null ? this.#object(node, fields, what) : { ...Object.fromEntries(Object.entries(fields).filter(([, { otherwise }]) => otherwise !== undefined).map(([name, { otherwise }]) => [name, otherwise])), address: text };
    if (values !== null) this.#nodeOf.set(values, node);
    return values;
  }

  #server(node: Node): Values | null {
    return this.#addressed(node, SERVER, 'server');
  }

  #destination(values: Values, service: Values, ids: readonly ServiceId[], node: Node): Destination | null {
    const text = values['address'] as string | undefined;
    if (text === undefined) return null;
    const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]*|[^:]*:[^:]*:.*?))(?::(\d{1,5}))?$/.exec(text) ?? [];
    const address = readAddress(bracketed ?? plain ?? '');
    const whole = readAddress(text);
    const used = whole ?? address;
    if (used === null || Number(portText ?? 0) > 65_535) {
      this.#nodes.refuse(this.#nodeOf.get(values) ?? node, `server "${text}" is no ADDRESS:PORT`, text);
      return null;
    }
    const [id] = ids;
    const port = whole === null && portText !== undefined ? Number(portText) : ids.length > 1 || id?.kind !== 'address' ? 0 : id.port;
    return {
      address: used.address, port, method: METHODS[(values['method'] ?? service['method']) as string]!, tunnel: ((values['tunnel'] ?? service['tunnel']) as Tunnel | undefined) ?? IPIP_TUNNEL,
      weight: values['weight'] as number, upperThreshold: values['upperThreshold'] as number, lowerThreshold: values['lowerThreshold'] as number,
    };
  }

  #listen(node: Node): ServiceId[] {
    const texts = this.#nodes.text(node) === null ? this.#nodes.list(node, 'listen') : [node];
    return texts.flatMap((item): ServiceId[] => {
      const id = parseId(this.#nodes.text(item) ?? '');
      if (id === null) this.#nodes.refuse(item, `listen "${this.#nodes.text(item) ?? ''}" is neither "tcp|udp|sctp ADDRESS:PORT" nor "mark N [inet6]"`);
      return id === null ? [] : [id];
    });
  }

  #check(node: Node): HealthCheck | null {
    const word = this.#nodes.text(node);
    const type = word ?? this.#typeOf(node);
    if (type === null || !Object.hasOwn(CHECKS, type)) {
      this.#nodes.refuse(node, `unknown check type "${type ?? ''}": one of ${Object.keys(CHECKS).join(', ')}`, type, Object.keys(CHECKS));
      return null;
    }
    const fields: Readonly<Record<string, Field>> = { type: { type: 'text', required: true, help: '' }, ...TIMING, ...CHECKS[type] };
    const values = word === null ? this.#object(node, fields, `check ${type}`) : this.#addressed(node, fields, 'check');
    if (values === null) return null;
    const own = Object.fromEntries(Object.keys(CHECKS[type]!).filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));
    const { query, record, ...rest } = own;
    const kind = (type === 'dns' ? { kind: type, name: query, type: record, ...rest } : { kind: type, ...own }) as unknown as CheckKind;
    const targeted = word === null ? TARGET_FIELDS.filter((name) => values[name] !== undefined) : [];
    return {
      name: (values['name'] ?? type) as string, check: kind, target: Object.fromEntries(targeted.map((name) => [name, values[name]])) as CheckTarget,
      timing: {
        intervalSec: values['interval'] as number, timeoutSec: values['timeout'] as number, retries: values['retries'] as number, delayBeforeRetrySec: values['retryDelay'] as number, rise: values['rise'] as number,
        warmupSec: values['warmup'] as number, alpha: values['alpha'] as boolean, reentrySec: values['reentry'] as number,
      },
    };
  }

  #typeOf(node: Node): string | null {
    const typed = node as { get?: (key: string) => unknown };
    const type = typeof typed.get === 'function' ? typed.get('type') : null;
    return typeof type === 'string' ? type : null;
  }

  #ranges(node: Node): HttpUrl['statusCodes'] {
    return this.#nodes.list(node, 'statusCodes').flatMap((item): [number, number][] => {
      const [, low, high] = /^(\d{3})(?:-(\d{3}))?$/.exec(this.#nodes.text(item) ?? '') ?? [];
      if (low !== undefined) return [[Number(low), Number(high ?? low)]];
      this.#nodes.refuse(item, 'statusCodes must be numbers or ranges like 200-299');
      return [];
    });
  }

  #flags(names: readonly string[], scheduler: string, node: Node): number {
    const known = [...schedulerFlagNames(scheduler), ...ANY_FLAGS];
    return names.reduce((flags, name) => {
      const flag = known.find((one) => one.name === name);
      if (flag === undefined) this.#nodes.refuse(node, `scheduler ${scheduler} has no flag "${name}"`, name, known.map((one) => one.name));
      return flags | (flag?.bit ?? 0);
    }, 0);
  }

  #mask(text: string | undefined, family: 4 | 6, node: Node): string {
    if (text === undefined) return family === 6 ? '128' : '255.255.255.255';
    const good = family === 6 ? /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 128 : readAddress(text)?.family === 4;
    if (!good) this.#nodes.refuse(node, `persistenceMask "${text}" is no ${family === 6 ? 'prefix length of 1-128' : 'netmask'}`, text);
    return text;
  }
}

/** NB: nodes are read as they stand, aliases are not followed: a small file cannot stand for a huge one. */
function parsed(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  } catch {
    return null;
  }
}

function script(value: unknown): Script | null {
  return (value ?? null) as Script | null;
}

export function parseId(text: string): ServiceId | null {
  const [, mark, family] = /^mark (\d{1,10})(?: (inet6?))?$/.exec(text) ?? [];
  if (mark !== undefined) return Number(mark) >= 1 && Number(mark) <= 0xffff_ffff ? { kind: 'fwmark', fwmark: Number(mark), family: family === 'inet6' ? 6 : 4 } : null;
  const [, protocol, bracketed, plain, port] = /^(tcp|udp|sctp) (?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = readAddress(bracketed ?? plain ?? '');
  if (address === null || Number(port) > 65_535) return null;
  return { kind: 'address', protocol: protocol as 'tcp' | 'udp' | 'sctp', address: address.address, port: Number(port) };
}

export function idText(id: ServiceId): string {
  if (id.kind === 'fwmark') return `mark ${id.fwmark}${id.family === 6 ? ' inet6' : ''}`;
  return `${id.protocol} ${id.address.includes(':') ? `[${id.address}]` : id.address}:${id.port}`;
}
