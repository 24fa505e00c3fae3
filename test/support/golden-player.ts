/**
 * Plays a golden case on our own code: every step in order, each at its exact virtual time, and returns the case as it came out here, in the same format.
 * Nothing is compared here.
 */
import { viewFrame } from './frame-view.ts';
import type { GoldenCase, GoldenStep, OutFrame } from './golden-case.ts';
import { GoldenControl } from './golden-control.ts';
import { playTransitions } from './golden-transitions.ts';
import { GoldenWorld } from './golden-world.ts';
import { procApps, procConnections, procConnectionsSync, procIpVs, procStats } from './proc-files.ts';
import { runShell } from './shell-step.ts';

interface Director { readonly world: GoldenWorld; readonly control: GoldenControl; readonly golden: GoldenCase }

/** A step that could not be played: carries what was played before it. */
export class PlayError extends Error {
  readonly step: number;
  constructor(step: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.step = step;
  }
}

export async function playCase(golden: GoldenCase): Promise<GoldenCase> {
  const world = new GoldenWorld(golden.topology);
  const control = new GoldenControl(world);
  const director: Director = { world, control, golden };
  const ours: GoldenCase = { ...golden, steps: [] };
  try {
    if (golden.kind === 'transitions') {
      ours.sequences = await playTransitions(golden, {
        get seconds() { return world.seconds; },
        advanceTo: (seconds) => world.advanceTo(seconds),
        frame: (device, hex) => world.frame(device, hex),
        run: async (argv) => (await control.run({ argv })).stdout,
        sysctl: (name, value) => control.setSysctl(name, value).then(() => undefined),
      });
      return ours;
    }
    for (const [index, step] of golden.steps.entries()) {
      try {
        ours.steps.push(await playStep(step, director));
      } catch (error) {
        throw new PlayError(index, error);
      }
    }
    if (golden.picks) ours.picks = ours.steps.filter((s) => s.op === 'connect').map((s) => s.pick ?? null);
    return ours;
  } finally {
    await control.close();
  }
}

async function playStep(step: GoldenStep, director: Director): Promise<GoldenStep> {
  const { world, control } = director;
  const ours = withoutResults(step);
  world.advanceTo(step.t);
  if (step.argv) {
    Object.assign(ours, await control.run({ argv: step.argv, ...(step.stdin === undefined ? {} : { stdin: step.stdin }), ...(step.user === undefined ? {} : { user: step.user }), ...(step.counters ? { counters: step.counters } : {}) }));
    takeOut(ours, world, false);
    return ours;
  }
  const play = STEP_KINDS[step.op ?? ''];
  if (!play) throw new Error(`no model of a step of kind ${step.op}`);
  await play(step, ours, director);
  return ours;
}

const STEP_KINDS: Readonly<Record<string, (step: GoldenStep, ours: GoldenStep, director: Director) => Promise<void> | void>> = {
  frame(step, ours, { world }) {
    world.frame(step.dev!, step.in!);
    takeOut(ours, world, true);
  },
  wait(step, ours, { world }) {
    world.advanceTo(step.t + step.seconds!);
    takeOut(ours, world, false);
  },
  async sysctl(step, ours, { control }) {
    const error = await control.setSysctl(step.name!, step.value!);
    if (error !== null) ours.error = error;
  },
  async read(step, ours, { control, world }) {
    ours.text = await readProcFile(step.path!, control, world.network.modules);
  },
  async shell(step, ours, { world, control }) {
    const sysctls: [string, string][] = await control.sysctls();
    const settings: [string, string][] = [];
    const text = runShell(step.cmd!, { network: world.network, sysctls: () => sysctls, setSysctl: (name, value) => { settings.push([name, value]); } });
    for (const [name, value] of settings) await control.setSysctl(name, value);
    await control.networkChanged();
    if (step.text !== undefined) ours.text = text;
    takeOut(ours, world, false);
  },
  listen(step, _ours, { world }) {
    world.listen(step.proto!, step.addr!, step.port!);
  },
  'local-client'(step, ours, { world }) {
    world.connect(step.proto!, step.addr!, step.port!, step.src ?? null);
    takeOut(ours, world, true);
  },
  'no-ipvs'(_step, ours, { control }) {
    control.available = false;
    ours.loaded = false;
    ours.text = '';
  },
  connect(step, ours, director) {
    exchange(step, ours, director);
    readPick(ours, director.golden);
  },
  establish: exchange,
  close: exchange,
  reset: exchange,
};

function exchange(step: GoldenStep, ours: GoldenStep, { world }: Director): void {
  ours.frames = step.frames!.map((f) => {
    world.advanceTo(f.t);
    world.frame(f.dev, f.in);
    return { t: f.t, dev: f.dev, in: f.in, out: world.takeOut() };
  });
}

/** Which server the first packet went to, read from the frames that left, or what the client got instead. */
function readPick(step: GoldenStep, golden: GoldenCase): void {
  const [vip, vport] = splitAddress(step.vip!);
  const protocol = ({ '-t': 6, '-u': 17, '--sctp-service': 132, '-f': 6 } as Record<string, number>)[golden.service!.split(' ')[0]!];
  step.pick = null;
  for (const out of step.frames![0]!.out) {
    const view = viewFrame(Buffer.from(out.hex, 'hex'));
    if (out.dev === 'rs0') {
      if (view.protocol === protocol && view.dst !== vip) step.pick = joinAddress(view.dst!, view.dport!);
      else if (view.protocol === 4 || view.protocol === 41) step.pick = joinAddress(view.dst!, vport);
      else {
        const server = parseInt(view.dmac.slice(-2), 16);
        step.pick = joinAddress(vip.includes(':') ? `2001:db8:1::${server.toString(16)}` : `10.1.0.${server}`, vport);
      }
    } else if (out.dev === 'cl0') {
      step.answer = (({ 1: 'icmp', 58: 'icmp6', 6: 'tcp' } as Record<number, string>)[view.protocol ?? -1] ?? '?') + (view.type === undefined ? '' : ` ${view.type}/${view.code}`);
    }
  }
}

async function readProcFile(path: string, control: GoldenControl, modules: ReadonlySet<string>): Promise<string> {
  switch (path) {
    case '/proc/net/ip_vs': return procIpVs(await control.services(), 4096);
    case '/proc/net/ip_vs_conn': return procConnections(await control.connections());
    case '/proc/net/ip_vs_conn_sync': return procConnectionsSync(await control.connections());
    case '/proc/net/ip_vs_stats': return procStats((await control.stats()).total);
    case '/proc/net/ip_vs_app': return procApps(await control.connections(), modules);
    default: throw new Error(`no model of the file ${path}`);
  }
}

function takeOut(ours: GoldenStep, world: GoldenWorld, always: boolean): void {
  const out: OutFrame[] = world.takeOut();
  if (always || out.length) ours.out = out;
}

/** The step as it was done, without what came of it. */
function withoutResults(step: GoldenStep): GoldenStep {
  const { stdout: _1, stderr: _2, code: _3, out: _4, text: _5, error: _6, pick: _7, answer: _8, frames: _9, loaded: _10, ...done } = step;
  return done as GoldenStep;
}

function splitAddress(text: string): [string, number] {
  const at = text.lastIndexOf(':');
  return [text.slice(0, at).replace(/[[\]]/g, ''), Number(text.slice(at + 1))];
}

function joinAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
