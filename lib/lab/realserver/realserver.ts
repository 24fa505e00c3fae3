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
import { gueCommand, kernelTunnel, planSetup, type SetupStep, shellLines } from './plan.ts';
import { addChange, readSavedChanges, releaseUsers, type SavedChange, savedChangesFile, subjectOf, writeSavedChanges } from './saved-changes.ts';

type TunnelStep = SetupStep & { readonly kind: 'tunnel' };
/** Where changes are noted, before they are made. */
interface Notes {
  note(change: SavedChange, line: string): void;
  /** Whether an earlier set-up made this change already; then it is ours too. */
  share(change: SavedChange): boolean;
}

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
  const add = (change: SavedChange): void => writeSavedChanges(file, users.reduce((entries, user) => addChange(entries, change, user), readSavedChanges(file)));
  const notes: Notes = {
    note: (change, line) => {
      add(change);
      done.push(line);
    },
    share: (change) => {
      const isEarlier = readSavedChanges(file).some((e) => subjectOf(e.change) === subjectOf(change));
      if (isEarlier) add(change);
      return isEarlier;
    },
  };
  for (const step of planSetup(options, facts)) await applyStep(step, facts, namespace, notes);
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

async function applyStep(step: SetupStep, facts: HostFacts, namespace: string | null, notes: Notes): Promise<void> {
  switch (step.kind) {
    case 'sysctl': {
      const before = facts.sysctls[step.name];
      if (before === undefined) throw new LabError(`this kernel has no ${step.name}`);
      const change: SavedChange = { kind: 'sysctl', name: step.name, before, after: step.value };
      if (before === step.value) {
        notes.share(change);
        return;
      }
      notes.note(change, shellLines(step)[0]!);
      await writeSysctls(namespace, [[step.name.replaceAll('.', '/'), step.value]]);
      return;
    }
    case 'address': {
      const [address, length] = step.address.split('/');
      const change: SavedChange = { kind: 'address', address: step.address, device: step.device };
      if (facts.addresses.some((a) => a.address === address && a.device === step.device && a.prefixLength === Number(length))) {
        notes.share(change);
        return;
      }
      notes.note(change, shellLines(step)[0]!);
      await runCommand(shellLines(step)[0]!.split(' '), { namespace });
      return;
    }
    case 'route': {
      const change: SavedChange = { kind: 'route', family: step.family, before: step.before, after: step.via };
      if (step.before !== null && step.before.split(' ').includes(step.via)) {
        notes.share(change);
        return;
      }
      notes.note(change, shellLines(step)[0]!);
      await runCommand(shellLines(step)[0]!.split(' '), { namespace });
      return;
    }
    case 'tunnel':
      await applyTunnel(step, facts, namespace, savedChangesFile(namespace), notes);
  }
}

async function applyTunnel(step: TunnelStep, facts: HostFacts, namespace: string | null, file: string, notes: Notes): Promise<void> {
  const users = step.vips.map((vip) => userOf('tun', vip));
  const isTunnel = (change: SavedChange): boolean => change.kind === 'link-up' || change.kind === 'process';
  if (readSavedChanges(file).some((e) => isTunnel(e.change) && users.every((u) => e.users.includes(u)))) return;
  if (await applyKernelTunnel(step, facts, namespace, notes)) return;
  if (facts.links.some((l) => l.name === DECAP_DEVICE)) {
    throw new LabError('a decapsulator for other VIPs runs here already: name all VIPs in one command, after "tsipvs realserver undo --mode tun"');
  }
  const kinds = step.tunnel === 'any' ? ['ipip', 'gue', 'gre'] : [step.tunnel];
  const argv = [process.execPath, programPath('lib/lab/decap/decap-process.js'), JSON.stringify({ kinds, guePort: step.guePort, vips: step.vips, device: DECAP_DEVICE })];
  const child = await startProcess({ what: 'decap', log: logOf(file), namespace, argv, readyPattern: /^ready/m });
  notes.note({ kind: 'process', process: child }, `tsipvs realserver decap &   # ${step.tunnel === 'any' ? 'all kinds of tunnel' : `this kernel has no ${step.tunnel} devices`}`);
}

/** False, and nothing changed, where the kernel has not all it takes. */
async function applyKernelTunnel(step: TunnelStep, facts: HostFacts, namespace: string | null, notes: Notes): Promise<boolean> {
  const kernel = kernelTunnel(step.tunnel, step.vips);
  if (kernel === null) return false;
  const succeeds = async (argv: readonly string[]): Promise<boolean> => {
    try { return (await runCommand(argv, { namespace, mayFail: true })).status === 0; } catch { return false; }
  };
  for (const module of kernel.modules) await succeeds(['modprobe', '-q', module]);
  for (const device of kernel.devices) if (!await succeeds(['ip', 'link', 'show', 'dev', device])) return false;
  for (const [n, family] of kernel.guePortFamilies.entries()) {
    const command = gueCommand('add', family, step.guePort), change: SavedChange = { kind: 'gue', family, port: step.guePort };
    if (notes.share(change)) continue;
    if (!await succeeds(command)) {
      for (const earlier of kernel.guePortFamilies.slice(0, n)) await succeeds(gueCommand('del', earlier, step.guePort));
      return false;
    }
    notes.note(change, command.join(' '));
  }
  for (const device of kernel.devices) {
    const name = `net.ipv4.conf.${device}.rp_filter`, path = name.replaceAll('.', '/');
    const before = (await runCommand(['cat', `/proc/sys/${path}`], { namespace })).stdout.trim();
    const filter: SavedChange = { kind: 'sysctl', name, before, after: step.rpFilter }, up: SavedChange = { kind: 'link-up', device };
    if (before === step.rpFilter) notes.share(filter);
    else notes.note(filter, `sysctl -w ${name}=${step.rpFilter}`);
    await writeSysctls(namespace, [[path, step.rpFilter]]);
    if (facts.links.some((l) => l.name === device && l.up)) notes.share(up);
    else notes.note(up, `ip link set ${device} up`);
    await runCommand(['ip', 'link', 'set', device, 'up'], { namespace });
  }
  return true;
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
    case 'link-up':
      await runCommand(['ip', 'link', 'set', change.device, 'down'], { namespace, mayFail: true });
      return `ip link set ${change.device} down`;
    case 'gue': {
      const argv = gueCommand('del', change.family, change.port);
      await runCommand(argv, { namespace, mayFail: true });
      return argv.join(' ');
    }
    case 'process':
      await stopProcesses([change.process]);
      rmSync(logOf(file), { force: true });
      return `the decapsulator (process ${change.process.pid}) was ended`;
  }
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
