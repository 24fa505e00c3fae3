/**
 * What a running laboratory has made, on disk before it is made: so that `down` in another process, also after a crash, removes all of
 * it and nothing else. Processes are remembered with their start time, because a process id alone may by then be someone else's.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TopologyOptions } from './topology.ts';

export const LAB_DIRECTORY = '/run/tsipvs/lab';

export interface LabProcess { readonly what: string; readonly pid: number; readonly startTicks: string }

export interface LabState {
  readonly options: TopologyOptions & { readonly prefix: string };
  /** Who built it; a demo or test that is still running owns its laboratory. */
  readonly owner: LabProcess;
  readonly namespaces: readonly string[];
  readonly processes: readonly LabProcess[];
}

/** Directory of one laboratory: its state file, logs, command links and daemon socket. */
export function labDirectory(prefix: string): string {
  return join(LAB_DIRECTORY, prefix);
}

export function readLabState(prefix: string): LabState | null {
  try {
    return JSON.parse(readFileSync(join(labDirectory(prefix), 'state.json'), 'utf8')) as LabState;
  } catch {
    return null;
  }
}

export function writeLabState(state: LabState): void {
  const directory = labDirectory(state.options.prefix);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const file = join(directory, 'state.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeLabState(prefix: string): void {
  rmSync(labDirectory(prefix), { recursive: true, force: true });
  try { rmdirSync(LAB_DIRECTORY); } catch { /* other laboratories are up */ }
}

/** Prefixes of all laboratories that left a directory behind. */
export function knownPrefixes(): string[] {
  try {
    return readdirSync(LAB_DIRECTORY).sort();
  } catch {
    return [];
  }
}

/** Start time of a process in clock ticks since boot (proc(5), stat field 22), or null when it is gone. */
export function processStartTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19] ?? null;
  } catch {
    return null;
  }
}

/** Whether this very process, not a later one with its number, still runs. */
export function isAlive(process: LabProcess): boolean {
  return processStartTicks(process.pid) === process.startTicks;
}
