/**
 * Where the API's methods meet the two planes: commands go through ServiceTable, their edits through the DataplaneLink, and the
 * reply waits for the data plane's acknowledgement: a command that succeeded is one that packets already obey.
 * The socket server and callers in the same process (goldens, replay, tests) use it alike.
 */
import { hostClock, type HealthClock } from '../health/clock.ts';
import type { ControlCommand } from '../model/control-command.ts';
import type { DataplaneLink } from '../model/dataplane-link.ts';
import { destinationKey } from '../model/destination.ts';
import { LvsError } from '../model/errors.ts';
import type { Explanation, FlowQuestion } from '../model/explanation.ts';
import type { HealthEvent } from '../model/health-state.ts';
import { ZERO_STATS, type DestinationStats, type ServiceStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceRecord } from '../model/trace-record.ts';
import { serviceKey } from '../model/virtual-service.ts';
import type { ApiCaller, ApiMethod, ApiMethods, CommandResult, DaemonInfo, ListedService } from './api/message.ts';
import type { ApiHandlers, ApiSession } from './api/server.ts';
import type { HealthApi } from './health-api.ts';
import { Shadows } from './shadows.ts';
import type { ConfiguredService } from './reconcile.ts';
import { Recordings } from './recordings.ts';
import type { ServiceTable } from './service-table.ts';

export interface ControllerOptions {
  readonly table: ServiceTable;
  readonly link: DataplaneLink;
  readonly info: () => DaemonInfo;
  /** What follows flows waits by it. */
  readonly clock?: Pick<HealthClock, 'after'>;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** A caller without a connection: it gets no trace events. */
const NO_SESSION: ApiSession = { event: () => true, onClose() {}, ready: () => true };

export class Controller implements ApiCaller {
  readonly #table: ServiceTable;
  readonly #link: DataplaneLink;
  readonly #info: () => DaemonInfo;
  readonly #handlers: ApiHandlers;
  #health: HealthApi | null = null;
  #tracer: { readonly session: ApiSession; left: number } | null = null;

  constructor({ table, link, info, clock = hostClock, random = Math.random }: ControllerOptions) {
    const shadows = new Shadows(table, link, clock, random);
    const recordings = new Recordings(table, link, clock);
    this.#table = table;
    this.#link = link;
    this.#info = info;
    link.onTrace((record) => this.#traced(record));
    this.#handlers = {
      info: async () => info(),
      apply: ({ commands, atomic }) => this.#apply(commands, atomic ?? false),
      list: (params) => this.#list(params),
      connections: async () => ({ connections: await link.connections() }),
      timeouts: async () => table.timeouts,
      daemons: async () => ({ daemons: table.daemons }),
      sysctls: async () => table.sysctls,
      marks: async () => ({ rules: table.marks }),
      stats: () => link.stats(),
      explain: ({ question }) => this.#explain(question),
      trace: ({ filter }, session) => this.#trace(filter, session),
      shadow: (params, session) => shadows.start(params, session),
      record: (params, session) => recordings.start(params, session),
      endRecording: async ({ recording }) => recordings.finish(recording),
      health: async () => this.#theHealth().report(),
      events: async (_params, session) => {
        session.onClose(this.#theHealth().subscribe(withLosses(session)));
        return { started: true };
      },
      configure: async () => {
        throw new LvsError('Unsupported', 'configuration files are not run here');
      },
      administer: (request) => this.#theHealth().administer(request),
    };
  }

  /** Health checking needs the controller, and the controller answers for it. */
  useHealth(health: HealthApi): void {
    this.#health = health;
  }

  /** For ApiServer. */
  get handlers(): ApiHandlers {
    return this.#handlers;
  }

  call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]> {
    return this.#handlers[method](params, NO_SESSION);
  }

  #theHealth(): HealthApi {
    if (this.#health === null) throw new LvsError('Unsupported', 'health checks do not run here');
    return this.#health;
  }

  async #apply(commands: readonly ControlCommand[], atomic: boolean): Promise<{ results: readonly CommandResult[] }> {
    const results: CommandResult[] = [];
    const edits: TableEdit[] = [];
    if (atomic) {
      const outcome = this.#table.executeAll(commands);
      if ('error' in outcome) return { results: allRefused(commands.length, outcome.position, outcome.error) };
      edits.push(...outcome.edits);
      results.push(...commands.map(() => ({ ok: true }) as const));
    } else {
      for (const command of commands) results.push(this.#execute(command, edits));
    }
    if (edits.length > 0) await this.#link.apply(edits);
    return { results };
  }

  #execute(command: ControlCommand, edits: TableEdit[]): CommandResult {
    try {
      for (const edit of this.#table.execute(command)) edits.push(edit);
      return { ok: true };
    } catch (error) {
      if (error instanceof LvsError) return failure(error);
      throw error;
    }
  }

  async #list({ id }: ApiMethods['list'][0]): Promise<ApiMethods['list'][1]> {
    const configured = id === undefined ? this.#table.services() : [this.#table.service(id)].filter((service) => service !== undefined);
    if (id !== undefined && configured.length === 0) throw new LvsError('NoSuchService', `no service ${serviceKey(id)}`);
    const running = new Map((await this.#link.stats()).services.map((service) => [service.key, service]));
    return { services: configured.map((service) => joined(service, running.get(serviceKey(service.service.id)))) };
  }

  async #explain(question: FlowQuestion): Promise<Explanation> {
    const { client, virtual, interface: name } = question;
    if (client.includes(':') !== virtual.includes(':')) throw new LvsError('BadRequest', `${client} and ${virtual} are addresses of different families`);
    const { interfaces } = this.#info();
    if (name !== undefined && !interfaces.includes(name)) throw new LvsError('BadRequest', `the director has no interface ${name}: it has ${interfaces.join(', ') || 'none'}`);
    return this.#link.ask('explain', question);
  }

  async #trace(filter: ApiMethods['trace'][0]['filter'], session: ApiSession): Promise<{ started: true }> {
    if (this.#tracer !== null) throw new LvsError('InvalidOperation', 'a decision trace is running already: end it first, one can run at a time');
    const tracer = { session, left: filter.limit ?? Infinity };
    this.#tracer = tracer;
    session.onClose(() => this.#endTrace(tracer));
    await this.#link.trace(filter);
    return { started: true };
  }

  #traced(record: TraceRecord): void {
    const tracer = this.#tracer;
    if (tracer === null) return;
    tracer.session.event(record);
    if (--tracer.left <= 0) this.#endTrace(tracer);
  }

  #endTrace(tracer: { readonly session: ApiSession; left: number }): void {
    if (this.#tracer !== tracer) return;
    this.#tracer = null;
    // A link that cannot stop its trace has ended, and its owner knows.
    this.#link.trace(null).catch(() => {});
  }
}

/** Events for one reader; what it missed by being slow is told as soon as it reads again. */
function withLosses(session: ApiSession): (event: HealthEvent) => void {
  let lost = 0;
  return (event) => {
    if (lost > 0 && session.event({ timeMs: event.timeMs, kind: 'problem', service: '', server: null, state: null, message: `${lost} events are missing here: they were read too slowly` })) lost = 0;
    if (!session.event(event)) lost++;
  };
}

function failure(error: LvsError): CommandResult {
  return { ok: false, error: { code: error.code, message: error.message } };
}

function allRefused(count: number, position: number, error: LvsError): readonly CommandResult[] {
  const other = new LvsError('InvalidOperation', `not applied, because command ${position} was refused: ${error.message}`);
  return Array.from({ length: count }, (_, index) => failure(index === position ? error : other));
}

/** What is configured with what the data plane counted; zeros for what it does not know yet. */
function joined({ service, destinations }: ConfiguredService, running: ServiceStats | undefined): ListedService {
  const key = serviceKey(service.id);
  const byKey = new Map(running?.destinations.map((run) => [destinationKey(run.address, run.port), run]));
  const idle = (address: string, port: number): DestinationStats => ({ address, port, activeConns: 0, inactiveConns: 0, persistentConns: 0, overloaded: false, stats: ZERO_STATS });
  return {
    service,
    run: running ?? { key, stats: ZERO_STATS, destinations: [] },
    destinations: destinations.map((destination) => ({
      destination, run: byKey.get(destinationKey(destination.address, destination.port)) ?? idle(destination.address, destination.port),
    })),
  };
}
