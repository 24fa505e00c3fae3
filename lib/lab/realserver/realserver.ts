/**
 * `tsipvs realserver`: makes a Linux machine a real server of a director, takes that back, and finds what is wrong with one.
 * Decisions are in plan.ts and check.ts; here they take effect, each change on disk before the next, so that undo works after a crash.
 */
import { rmSync } from 'node:fs';
import { DECAP_DEVICE } from '../decap/names.ts';
import { programPath, startProcess, stopProcesses } from '../lab-process.ts';
import { LabError, runCommand } from '../run-command.ts';
import { writeSysctls } from '../namespaces.ts';
import { parseAddress } from '../../wire/address.ts';
import { type Finding, findMistakes } from './check.ts';
import { gatherFacts, type HostFacts } from './host-facts.ts';
import { familyOf, type RealServerOptions } from './options.ts';
import { KERNEL_TUNNEL_DEVICE, kernelTunnelCommands, planSetup, type SetupStep, shellLines, tunnelRpFilter } from './plan.ts';
import { addChange, readSavedChanges, releaseUsers, type SavedChange, savedChangesFile, writeSavedChanges } from './saved-changes.ts';

/** The commands that setup would run, one a line. */
export async function describeSetup(options: RealServerOptions): Promise<string[]> {
  checkOptions(options);
  const facts = await gatherFacts(options.namespace ?? null);
  return planSetup(options, facts).flatMap((step) => [`# ${step.why}`, ...shellLines(step)]);
}

/** Returns one line for each change made; what is already right is left alone and not undone later. */
export async function setupRealServer(options: RealServerOptions): Promise<string[]> {
  checkOptions(options);
  requireRoot('set up');
  const namespace = options.namespace ?? null;
  const facts = await gatherFacts(namespace);
  const done: string[] = [];
  const users = options.vips.map((vip) => userOf(options.mode, vip));
  const file = savedChangesFile(namespace);
  const remember = (change: SavedChange, line: string): void => {
    writeSavedChanges(file, users.reduce((entries, user) => addChange(entries, change, user), readSavedChanges(file)));
    done.push(line);
  };
  // Shared changes of earlier set-ups gain us as a user even where nothing is left to do.
  const earlier = readSavedChanges(file);
  for (const step of planSetup(options, facts)) {
    const shared = earlier.find((e) => isAbout(e.change, step));
    if (shared !== undefined) writeSavedChanges(file, users.reduce((entries, user) => addChange(entries, shared.change, user), readSavedChanges(file)));
    await applyStep(step, facts, namespace, remember);
  }
  return done;
}

/** Returns one line for each thing restored. Without VIPs: everything that setup ever did here for this mode. */
export async function undoRealServer(options: RealServerOptions): Promise<string[]> {
  requireRoot('undo');
  const namespace = options.namespace ?? null, file = savedChangesFile(namespace);
  const entries = readSavedChanges(file);
  const users = options.vips.length > 0 ? options.vips.map((vip) => userOf(options.mode, vip))
    : entries.flatMap((e) => e.users).filter((u) => u.startsWith(`${options.mode} `));
  const { undo, keep } = releaseUsers(entries, users);
  const done: string[] = [];
  for (const change of undo) done.push(await undoChange(change, namespace, file));
  writeSavedChanges(file, keep);
  return done;
}

export async function checkRealServer(options: RealServerOptions): Promise<Finding[]> {
  checkOptions(options);
  return findMistakes(options, await gatherFacts(options.namespace ?? null));
}

async function applyStep(step: SetupStep, facts: HostFacts, namespace: string | null, remember: (change: SavedChange, line: string) => void): Promise<void> {
  switch (step.kind) {
    case 'sysctl': {
      const before = facts.sysctls[step.name];
      if (before === undefined) throw new LabError(`this kernel has no ${step.name}`);
      if (before === step.value) return;
      remember({ kind: 'sysctl', name: step.name, before, after: step.value }, shellLines(step)[0]!);
      await writeSysctls(namespace, [[step.name.replaceAll('.', '/'), step.value]]);
      return;
    }
    case 'address': {
      const [address, length] = step.address.split('/');
      if (facts.addresses.some((a) => a.address === address && a.device === step.device && a.prefixLength === Number(length))) return;
      remember({ kind: 'address', address: step.address, device: step.device }, shellLines(step)[0]!);
      await runCommand(shellLines(step)[0]!.split(' '), { namespace });
      return;
    }
    case 'route': {
      if (step.before !== null && step.before.split(' ').includes(step.via)) return;
      remember({ kind: 'route', family: step.family, before: step.before, after: step.via }, shellLines(step)[0]!);
      await runCommand(shellLines(step)[0]!.split(' '), { namespace });
      return;
    }
    case 'tunnel':
      await applyTunnel(step, facts, namespace, savedChangesFile(namespace), remember);
  }
}

async function applyTunnel(step: SetupStep & { kind: 'tunnel' }, facts: HostFacts, namespace: string | null, file: string, remember: (change: SavedChange, line: string) => void): Promise<void> {
  if (facts.links.some((l) => l.name === DECAP_DEVICE || l.name === KERNEL_TUNNEL_DEVICE)) {
    const users = step.vips.map((vip) => userOf('tun', vip));
    const isOurs = readSavedChanges(file).some((e) => (e.change.kind === 'link' || e.change.kind === 'process') && users.every((u) => e.users.includes(u)));
    if (isOurs) return;
    throw new LabError(`a tunnel for another VIP is set up here already: name all VIPs in one command, after "tsipvs realserver undo --mode tun"`);
  }
  const commands = kernelTunnelCommands(step.tunnel, step.guePort);
  const [first, ...rest] = commands;
  if (first !== undefined && (await runCommand(first, { namespace, mayFail: true })).status === 0) {
    remember({ kind: 'link', device: KERNEL_TUNNEL_DEVICE, fouPort: step.tunnel === 'gue' ? step.guePort : null }, commands.map((argv) => argv.join(' ')).join('; '));
    for (const argv of rest) await runCommand(argv, { namespace });
    await writeSysctls(namespace, [[`net/ipv4/conf/${KERNEL_TUNNEL_DEVICE}/rp_filter`, tunnelRpFilter(facts)]]);
  } else {
    const argv = [process.execPath, programPath('lib/lab/decap/decap-process.js'), JSON.stringify({ kinds: step.tunnel === 'any' ? ['ipip', 'gue', 'gre'] : [step.tunnel], guePort: step.guePort, vips: step.vips, device: DECAP_DEVICE })];
    const child = await startProcess({ what: 'decap', log: logOf(file), namespace, argv, readyPattern: /^ready/m });
    remember({ kind: 'process', process: child }, `tsipvs realserver decap &   # ${step.tunnel === 'any' ? 'all kinds of tunnel' : `this kernel has no ${step.tunnel} device`}`);
  }
}

async function undoChange(change: SavedChange, namespace: string | null, file: string): Promise<string> {
  switch (change.kind) {
    case 'sysctl':
      await writeSysctls(namespace, [[change.name.replaceAll('.', '/'), change.before]]);
      return `sysctl -w ${change.name}=${change.before}`;
    case 'address': {
      const argv = ['ip', 'addr', 'del', change.address, 'dev', change.device];
      await runCommand(argv, { namespace, mayFail: true });
      return argv.join(' ');
    }
    case 'route': {
      const argv = ['ip', `-${change.family}`, 'route', ...(change.before === null ? ['del', 'default', 'via', change.after] : ['replace', ...change.before.split(' ')])];
      await runCommand(argv, { namespace });
      return argv.join(' ');
    }
    case 'link': {
      await runCommand(['ip', 'link', 'del', change.device], { namespace, mayFail: true });
      if (change.fouPort !== null) await runCommand(['ip', 'fou', 'del', 'port', String(change.fouPort)], { namespace, mayFail: true });
      return `ip link del ${change.device}`;
    }
    case 'process':
      await stopProcesses([change.process]);
      rmSync(logOf(file), { force: true });
      return `the decapsulator (process ${change.process.pid}) was ended`;
  }
}

function isAbout(change: SavedChange, step: SetupStep): boolean {
  return (change.kind === 'sysctl' && step.kind === 'sysctl' && change.name === step.name)
    || (change.kind === 'address' && step.kind === 'address' && change.address === step.address && change.device === step.device)
    || (change.kind === 'route' && step.kind === 'route' && change.family === step.family);
}

/** The decapsulator's log, beside the saved changes. */
export function logOf(file: string): string {
  return file.replace(/json$/, 'decap.log');
}

function userOf(mode: string, vip: string): string {
  return `${mode} ${vip}`;
}

function checkOptions(options: RealServerOptions): void {
  if (options.vips.length === 0) throw new LabError('at least one --vip ADDRESS is needed');
  for (const address of [...options.vips, ...(options.directors ?? [])]) {
    if (parseAddress(address) === null) throw new LabError(`"${address}" is not an IP address`);
  }
  for (const director of options.directors ?? []) {
    if (options.vips.includes(director)) throw new LabError(`--director ${director} is the VIP itself: give the director's own address on this server's network`);
  }
  const seen = new Set<number>();
  for (const director of options.directors ?? []) {
    if (seen.has(familyOf(director))) throw new LabError(`two --director addresses of IPv${familyOf(director)}: there is one default route a family`);
    seen.add(familyOf(director));
  }
}

function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new LabError(`root is needed to ${what} a real server; --dry-run shows the commands without it`);
}
