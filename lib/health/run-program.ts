/**
 * Run a program of the configuration (check, notify script, load command) with a time limit, as the user it asks for, in a process
 * group of its own, so that what it started ends with it. When its time is over the verdict is there at once; the program is asked to end
 * (SIGTERM), and what is left of it after a while, or when it has ended itself, is killed. Output beyond the limit is thrown away, not collected.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { StopSignal } from './stop-signal.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;
/** Between SIGTERM and SIGKILL (keepalived's). */
const TERMINATION_MS = 2_000;

export interface ProgramOptions {
  readonly signal: StopSignal;
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly wantsOutput?: boolean;
}

export interface ProgramResult {
  /** Exit status; null when it was ended by a signal or never started. */
  readonly status: number | null;
  readonly output: string;
  /** Why it did not run or end by itself; empty otherwise. */
  readonly problem: string;
}

export function runProgram(words: readonly string[], { signal, user, group, wantsOutput = false }: ProgramOptions): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const [program, ...args] = words;
    if (program === undefined) return resolve({ status: null, output: '', problem: 'no command' });
    const ids = user === undefined ? {} : identity(user, group);
    if (ids === null) return resolve({ status: null, output: '', problem: `no user ${user}${group === undefined ? '' : ` or group ${group}`}` });
    if (signal.aborted) return resolve({ status: null, output: '', problem: 'no time left' });
    const child = spawn(program, args, { detached: true, stdio: ['ignore', wantsOutput ? 'pipe' : 'ignore', 'ignore'], ...ids });
    let output = '';
    const stop = (): void => {
      child.stdout?.destroy();
      finish({ status: null, output, problem: `${program} did not end in time` });
      if (child.pid === undefined || child.exitCode !== null) return;
      signalGroup(child.pid, 'SIGTERM');
      const kill = (): void => {
        clearTimeout(timer);
        signalGroup(child.pid!, 'SIGKILL');
      };
      const timer = setTimeout(kill, TERMINATION_MS).unref();
      child.once('exit', kill);
    };
    const finish = (result: ProgramResult): void => {
      signal.removeEventListener('abort', stop);
      resolve(result);
    };
    signal.addEventListener('abort', stop, { once: true });
    child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      if (output.length < MAX_OUTPUT_BYTES) output += text;
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish({ status: null, output, problem: `cannot run ${program}: ${error.code === 'ENOENT' ? 'no such file' : error.code === 'EACCES' ? 'not executable' : error.message}` }));
    // 'exit', not 'close': a background child that keeps the pipe open must not keep the check waiting.
    const ended = wantsOutput ? 'close' : 'exit';
    child.once(ended, (status: number | null, cause: string | null) => finish({ status, output, problem: status === null ? `${program} was ended by ${cause}` : '' }));
  });
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Nobody of it is left.
  }
}

/** Numeric ids by /etc/passwd and /etc/group; numbers are taken as they are. Null where there is none. */
function identity(user: string, group: string | undefined): { uid: number; gid: number } | null {
  const entry = lineOf('/etc/passwd', user);
  const uid = /^\d+$/.test(user) ? Number(user) : Number(entry?.[2] ?? NaN);
  const gid = group === undefined ? Number(entry?.[3] ?? uid) : /^\d+$/.test(group) ? Number(group) : Number(lineOf('/etc/group', group)?.[2] ?? NaN);
  return Number.isNaN(uid) || Number.isNaN(gid) ? null : { uid, gid };
}

function lineOf(file: string, name: string): string[] | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n').find((line) => line.startsWith(`${name}:`))?.split(':');
  } catch {
    return undefined;
  }
}
