/** A scenario file (YAML or JSON) to a Scenario. It is ours, so it is strict: what the schema does not know is refused, with its line. */
import { LineCounter, parseDocument, type Node } from 'yaml';
import { Diagnostics, diagnosticText } from '../config/diagnostics.ts';
import { NodeReader, type Values } from '../config/native/nodes.ts';
import { LvsError } from '../model/errors.ts';
import { parsePrefix } from '../wire/address.ts';
import type { Distribution } from './distribution.ts';
import type { MeasureName } from './ranking.ts';
import { ARRIVALS, CLIENTS, DISTRIBUTION, EVENT, GATEWAYS, SCENARIO, SERVER, SERVICE, TIMEOUTS, type ScenarioFields, type ScenarioType } from './scenario-schema.ts';
import type { Arrivals, EventKind, Scenario, ScenarioEvent, ScenarioServer } from './scenario.ts';
import { schedulerChoices } from './scheduler-choice.ts';

const MOST_SERVERS = 65_536;
const MOST_FAULTS_SHOWN = 5;

/** `path` is for messages. */
export function readScenario(path: string, text: string): Scenario {
  const counter = new LineCounter();
  const diagnostics = new Diagnostics();
  const nodes = new NodeReader(path, text, counter, diagnostics);
  let document: ReturnType<typeof parseDocument> | null = null;
  try {
    document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true });
  } catch {
    throw new LvsError('BadRequest', `${path}: no YAML: nested too deeply`);
  }
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    const { line, col } = counter.linePos(syntax.pos[0]);
    throw new LvsError('BadRequest', `${path}:${line}:${col}: no YAML: ${syntax.message.split('\n')[0]}`);
  }
  if (document.contents === null) throw new LvsError('BadRequest', `${path}: the file is empty; "tsipvs schedulers show equal-servers" prints one to begin with`);
  const scenario = new ScenarioReader(nodes).read(document.contents as Node);
  const faults = diagnostics.list.map(diagnosticText);
  if (scenario === null || faults.length > 0) throw new LvsError('BadRequest', faults.length > MOST_FAULTS_SHOWN ? `${faults.slice(0, MOST_FAULTS_SHOWN).join('\n')} (and ${faults.length - MOST_FAULTS_SHOWN} more)` : faults.join('\n'));
  return scenario;
}

class ScenarioReader {
  readonly #nodes: NodeReader;

  constructor(nodes: NodeReader) {
    this.#nodes = nodes;
  }

  read(root: Node): Scenario | null {
    const values = this.#object(root, SCENARIO, 'the scenario');
    if (values === null) return null;
    const service = (values['service'] ?? this.#defaults(SERVICE)) as Values;
    const timeouts = (service['timeouts'] ?? this.#defaults(TIMEOUTS)) as Values;
    const clients = (values['clients'] ?? this.#defaults(CLIENTS)) as Values;
    const servers = (values['servers'] ?? []) as ScenarioServer[];
    const mask = String(service['persistenceMask']);
    if (parsePrefix(mask) === null) this.#nodes.refuse(root, `service: persistenceMask: "${mask}" is no netmask like 255.255.255.0`);
    if (service['onePacket'] === true && service['protocol'] !== 'udp') this.#nodes.refuse(root, 'service: onePacket is for protocol udp');
    if (servers.length === 0) this.#nodes.refuse(root, 'servers: there are none');
    if (servers.length > MOST_SERVERS) this.#nodes.refuse(root, `servers: ${servers.length} are more than ${MOST_SERVERS}`);
    const twice = servers.find(({ name }, at) => servers.findIndex((other) => other.name === name) !== at);
    if (twice !== undefined) this.#nodes.refuse(root, `servers: two are called ${twice.name}`);
    for (const word of [...values['schedulers'] as string[], ...values['contrast'] as string[]]) this.#checkScheduler(root, word);
    const durationMs = Number(values['duration'] ?? 1) * 1000;
    const events = ((values['events'] ?? []) as Values[]).flatMap((event) => this.#event(event, servers)).sort((a, b) => a.atMs - b.atMs);
    const late = events.find(({ atMs }) => atMs > durationMs);
    if (late !== undefined) this.#nodes.refuse(root, `events: one is at ${late.atMs / 1000} s, after the end at ${durationMs / 1000} s`);
    return {
      name: String(values['name']), title: String(values['title']), question: String(values['question']), description: String(values['description']).trim(),
      ranking: values['ranking'] as MeasureName, contrast: values['contrast'] as string[], schedulers: values['schedulers'] as string[],
      durationMs, warmUpMs: Number(values['warmUp']) * 1000,
      service: {
        protocol: service['protocol'] as 'tcp' | 'udp', onePacket: service['onePacket'] as boolean, persistenceSec: Math.ceil(Number(service['persistence'])), persistenceMask: mask,
        timeouts: { tcp: Number(timeouts['tcp']), tcpFin: Number(timeouts['tcpFin']), udp: Number(timeouts['udp']) },
      },
      arrivals: (values['arrivals'] ?? { process: 'poisson', rate: 1 }) as Arrivals, workSec: (values['work'] ?? ONE) as Distribution,
      requests: (values['requests'] ?? ONE) as Distribution, pauseSec: (values['pause'] ?? { kind: 'deterministic', mean: 0 }) as Distribution,
      clients: { count: Number(clients['count']), skew: Number(clients['skew']), networks: Number(clients['networks']), gateways: (clients['gateways'] ?? { count: 0, share: 0 }) as { count: number; share: number } },
      servers, events,
    };
  }

  #object(node: Node, fields: ScenarioFields, what: string): Values | null {
    return this.#nodes.object(node, fields, what, (child, type) => this.#nested(child, type));
  }

  #nested(node: Node, type: ScenarioType): unknown {
    switch (type) {
      case 'service': return this.#object(node, SERVICE, 'service') ?? undefined;
      case 'timeouts': return this.#object(node, TIMEOUTS, 'timeouts') ?? undefined;
      case 'clients': return this.#object(node, CLIENTS, 'clients') ?? undefined;
      case 'gateways': return this.#object(node, GATEWAYS, 'gateways') ?? undefined;
      case 'arrivals': return this.#arrivals(node);
      case 'distribution': return this.#distribution(node);
      case 'servers': return this.#nodes.list(node, 'servers').flatMap((item) => this.#servers(item));
      case 'events': return this.#nodes.list(node, 'events').map((item) => ({ ...this.#object(item, EVENT, 'event'), node: item }));
      default: return undefined;
    }
  }

  #arrivals(node: Node): Arrivals | undefined {
    const values = this.#object(node, ARRIVALS, 'arrivals');
    if (values === null) return undefined;
    const needs = (field: string): undefined => this.#nodes.refuse(node, `arrivals: ${String(values['process'])} needs a field "${field}"`);
    const rate = values['rate'] as number | undefined;
    switch (values['process']) {
      case 'closed': {
        const pauseSec = (values['pause'] ?? { kind: 'deterministic', mean: 0 }) as Distribution;
        return values['population'] === undefined ? needs('population') : { process: 'closed', population: values['population'] as number, pauseSec };
      }
      case 'bursts': return rate === undefined ? needs('rate') : { process: 'bursts', rate, size: values['size'] as number, spacingMs: Number(values['spacing']) * 1000 };
      case 'deterministic': return rate === undefined ? needs('rate') : { process: 'deterministic', rate };
      default: return rate === undefined ? needs('rate') : { process: 'poisson', rate };
    }
  }

  #distribution(node: Node): Distribution | undefined {
    // A value alone: always this.
    if (this.#nodes.text(node) !== null) {
      const mean = this.#nodes.value(node, { type: 'seconds', least: 0, help: '' }, 'a distribution');
      return mean === undefined ? undefined : { kind: 'deterministic', mean: mean as number };
    }
    const values = this.#object(node, DISTRIBUTION, 'a distribution');
    if (values === null || values['distribution'] === undefined) return undefined;
    const { distribution: kind, mean, cv, shape, least, most } = values as { distribution: Distribution['kind']; mean?: number; cv?: number; shape?: number; least?: number; most?: number };
    const needs = (field: string): undefined => this.#nodes.refuse(node, `${kind} needs a field "${field}"`);
    if (kind === 'bounded-pareto') {
      if (least === undefined || most === undefined || shape === undefined) return needs(least === undefined ? 'least' : most === undefined ? 'most' : 'shape');
      return least > 0 && least < most ? { kind, least, most, shape } : this.#nodes.refuse(node, `bounded-pareto: least (${least}) must be above 0 and below most (${most})`);
    }
    if (mean === undefined) return needs('mean');
    if (kind === 'pareto') return shape === undefined ? needs('shape') : shape > 1 ? { kind, mean, shape } : this.#nodes.refuse(node, `pareto: with shape ${shape} there is no mean; above 1`);
    if (kind === 'lognormal' || kind === 'hyperexponential') {
      if (cv === undefined) return needs('cv');
      return kind === 'lognormal' || cv > 1 ? { kind, mean, cv } : this.#nodes.refuse(node, `hyperexponential: cv ${cv} must be above 1`);
    }
    return { kind, mean };
  }

  #servers(node: Node): ScenarioServer[] {
    const values = this.#object(node, SERVER, 'server');
    if (values === null) return [];
    const { name, count, weight, capacity, concurrency, discipline, present } = values as { name: string; count: number; weight: number; capacity: number; concurrency: number; discipline: ScenarioServer['discipline']; present: boolean };
    const server = { weight, capacity, concurrency: concurrency > 0 ? concurrency : discipline === 'fifo' ? 1 : Infinity, discipline, present };
    return count === 0 ? [{ name, ...server }] : Array.from({ length: Math.min(count, MOST_SERVERS) }, (_, n) => ({ name: `${name}${n + 1}`, ...server }));
  }

  #event(values: Values, servers: readonly ScenarioServer[]): ScenarioEvent[] {
    const { at, kind, server: name, weight, detect, every, times, drain, down, node } = values as {
      at?: number; kind?: EventKind | 'flap' | 'roll'; server?: string; weight?: number; detect: number; every: number; times: number; drain: number; down: number; node: Node;
    };
    if (at === undefined || kind === undefined) return [];
    const event = (of: EventKind, server: number, sec: number): ScenarioEvent => ({ atMs: sec * 1000, kind: of, server, weight: weight ?? 0, detectMs: detect * 1000 });
    if (kind === 'roll') {
      return servers.flatMap(({ present }, server) => (present ? [server] : [])).flatMap((server, turn) => {
        const begin = at + turn * every;
        return [event('drain', server, begin), event('leave', server, begin + drain), event('join', server, begin + drain + down)];
      });
    }
    const server = servers.findIndex((one) => one.name === name);
    if (name === undefined || server < 0) {
      this.#nodes.refuse(node, name === undefined ? `event ${kind} needs a field "server"` : `event ${kind}: no server is called ${name}`, name ?? null, servers.slice(0, 100).map((one) => one.name));
      return [];
    }
    if (kind === 'weight' && weight === undefined) this.#nodes.refuse(node, 'event weight needs a field "weight"');
    if (kind !== 'flap') return [event(kind, server, at)];
    return Array.from({ length: times }, (_, n) => [event('fail', server, at + n * every), event('recover', server, at + n * every + down)]).flat();
  }

  #checkScheduler(node: Node, word: string): void {
    try {
      schedulerChoices([word]);
    } catch (error) {
      this.#nodes.refuse(node, (error as Error).message);
    }
  }

  /** Of a mapping that is not there. */
  #defaults(fields: ScenarioFields): Values {
    return Object.fromEntries(Object.entries(fields).flatMap(([name, { otherwise }]) => (otherwise === undefined ? [] : [[name, otherwise]])));
  }
}

const ONE: Distribution = { kind: 'deterministic', mean: 1 };
