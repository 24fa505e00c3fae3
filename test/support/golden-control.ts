/**
 * The control side of a golden case: argv through the real tsipvsadm, a Controller in this process, the real ServiceTable and the in-process link to the data
 * plane of the case's world. Names resolve as they did where the case was recorded.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runTsipvsadm } from '../../cli/run-tsipvsadm.ts';
import { filesResolver } from '../../lib/config/ipvsadm/name-resolver.ts';
import type { ApiCaller, ApiMethod, ApiMethods, ListedService } from '../../lib/control/api/message.ts';
import { Controller } from '../../lib/control/controller.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import { InProcessLink } from '../../lib/dataplane/in-process-link.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { type ConnectionRecord, type DataplaneStats, type Stats, ZERO_STATS } from '../../lib/model/stats.ts';
import { SYSCTLS, type SysctlName } from '../../lib/model/sysctl.ts';
import { isSchedulerName } from '../../lib/schedulers/names.ts';
import { goldenRoot } from './golden-root.ts';
import { RefreshedCounters } from './refreshed-counters.ts';
import type { GoldenWorld } from './golden-world.ts';

export interface CommandStep { readonly argv: readonly string[]; readonly stdin?: string; readonly user?: string; readonly counters?: Readonly<Record<string, string>> }
export interface CommandOutcome { readonly stdout: string; readonly stderr: string; readonly code: number }

const NAMES = filesResolver(readEnv('hosts'), readEnv('services'));
const VS_PREFIX = 'net.ipv4.vs.';
const CONN_TAB_SIZE = 4096;

export class GoldenControl {
  /** False after the step that takes ip_vs out of the kernel. */
  available = true;
  readonly #world: GoldenWorld;
  // The recorded kernel was built without twos.
  readonly #table = new ServiceTable({ hasScheduler: (name) => name !== 'twos' && isSchedulerName(name) });
  readonly #link: RefreshedCounters;
  readonly #controller: Controller;

  constructor(world: GoldenWorld) {
    this.#world = world;
    this.#link = new RefreshedCounters(new InProcessLink(world.dataplane, () => world.nowMs, world.sink));
    world.onRefresh = (live) => this.#link.refresh(live);
    this.#table.useNetwork(world.network.state());
    this.#controller = new Controller({
      table: this.#table, link: this.#link,
      info: () => ({ version: '0', apiVersion: 1, pid: 0, device: 'memory', interfaces: world.network.devices.map((d) => d.name), workers: null, connTabSize: CONN_TAB_SIZE, uptimeSec: world.seconds }),
    });
  }

  run(step: CommandStep): Promise<CommandOutcome> {
    return runTsipvsadm({ argv: step.argv, stdin: async () => step.stdin ?? '', names: NAMES, api: this.#api(step) });
  }

  /** Null, or what the write was refused with. */
  async setSysctl(name: string, value: string): Promise<string | null> {
    const { network } = this.#world;
    if (name === 'net.ipv4.ip_forward' || name === 'net.ipv6.conf.all.forwarding') {
      if (name.startsWith('net.ipv4')) network.forwarding4 = value !== '0';
      else network.forwarding6 = value !== '0';
      await this.networkChanged();
      return null;
    }
    const short = name.slice(VS_PREFIX.length);
    if (!name.startsWith(VS_PREFIX) || !SYSCTLS.some(([known]) => known === short)) throw new Error(`no model of the sysctl ${name}`);
    const [first = '', second] = value.trim().split(/\s+/);
    const commands: ControlCommand[] = [{ op: 'sysctl', name: short as SysctlName, value: Number(first) }];
    // The kernel's sync_threshold holds two numbers; ours has a name for each.
    if (short === 'sync_threshold' && second !== undefined) commands.push({ op: 'sysctl', name: 'sync_period', value: Number(second) });
    const { results } = await this.#controller.call('apply', { commands });
    return results.every((result) => result.ok) ? null : 'Invalid argument';
  }

  async sysctls(): Promise<[string, string][]> {
    const { sync_period: period, ...values } = await this.#controller.call('sysctls', {});
    return Object.entries(values).map(([name, value]) => [name, name === 'sync_threshold' ? `${value}\t${period}` : String(value)]);
  }

  /** After a shell step: what the control plane and the data plane must know of it. */
  async networkChanged(): Promise<void> {
    this.#table.useNetwork(this.#world.network.state());
    this.#world.networkChanged();
    await this.#controller.call('apply', { commands: [{ op: 'marks', rules: this.#world.network.markRules() }] });
  }

  async services(): Promise<readonly ListedService[]> {
    return (await this.#controller.call('list', {})).services;
  }

  connections(): Promise<readonly ConnectionRecord[]> {
    return this.#link.connections();
  }

  stats(): Promise<DataplaneStats> {
    return this.#link.stats();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #api(step: CommandStep): ApiCaller | LvsError {
    // The line before ipvsadm's own says what is the matter with us; where ip_vs is missing, modprobe's complaint stands there.
    if (!this.available) return new LvsError('NotRunning', 'modprobe: FATAL: no director is running');
    if (step.user !== undefined && step.user !== 'root') return new LvsError('Permission', 'not root');
    return step.counters ? new CountersGiven(this.#controller, step.counters) : this.#controller;
  }
}

/**
 * A director whose counters are given. They were put into what libipvs reads as 64-bit numbers: everything of a service, but of a server only the bytes, because
 * libipvs reads the other counters of servers from 32-bit attributes.
 */
class CountersGiven implements ApiCaller {
  readonly #inner: ApiCaller;
  readonly #counters: Readonly<Record<string, string>>;

  constructor(inner: ApiCaller, counters: Readonly<Record<string, string>>) {
    this.#inner = inner;
    this.#counters = counters;
  }

  async call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]> {
    const answer = await this.#inner.call(method, params);
    if (method !== 'list') return answer;
    const { services } = answer as ApiMethods['list'][1];
    const ofService = this.#stats();
    const ofServer: Stats = { ...ZERO_STATS, inBytes: ofService.inBytes, outBytes: ofService.outBytes };
    const given: ApiMethods['list'][1] = {
      services: services.map((s) => ({ ...s, run: { ...s.run, stats: ofService }, destinations: s.destinations.map((d) => ({ ...d, run: { ...d.run, stats: ofServer } })) })),
    };
    return given as ApiMethods[M][1];
  }

  /** Beyond 2^53 only a bigint holds them; the renderer takes both. */
  #stats(): Stats {
    const value = (name: string): number => BigInt(this.#counters[name] ?? '0') as unknown as number;
    return {
      conns: value('conns'), inPkts: value('inpkts'), outPkts: value('outpkts'), inBytes: value('inbytes'), outBytes: value('outbytes'),
      cps: value('cps'), inPps: value('inpps'), outPps: value('outpps'), inBps: value('inbps'), outBps: value('outbps'),
    };
  }
}

function readEnv(name: string): string {
  return readFileSync(path.join(goldenRoot(), 'env', name), 'utf8');
}
