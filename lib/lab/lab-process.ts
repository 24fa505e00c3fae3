/**
 * Starts and ends the laboratory's own processes. They outlive the command that started them (`lab up` returns), write to a log in the
 * lab's directory, and are ended by process id and start time only.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type LabProcess, processStartTicks } from './lab-state.ts';
import { inNamespace, LabError } from './run-command.ts';

const STOP_TIMEOUT_MS = 3_000;
const POLL_MS = 20;

export interface StartOptions {
  readonly what: string;
  /** File for everything it prints. */
  readonly log: string;
  readonly namespace: string | null;
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Wait until the log holds this line, at most readyTimeoutMs. */
  readonly readyPattern?: RegExp;
  readonly readyTimeoutMs?: number;
}


/**
 * Path of a compiled program of this package, e.g. "lib/lab/server-process.js", wherever this file was bundled to: the first of the
 * names that exists in the nearest directory above.
 */
export function programPath(...names: readonly string[]): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const found = names.map((name) => join(directory, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (directory === dirname(directory)) throw new LabError(`${names[0]} is not built: run "npm run build"`);
  }
}

export function startProcess(options: StartOptions): Promise<LabProcess> {
  const { log } = options;
  mkdirSync(dirname(log), { recursive: true });
  const fd = openSync(log, 'w');
  const [program, ...args] = inNamespace(options.namespace, options.argv);
  const child = spawn(program!, args, { detached: true, stdio: ['ignore', fd, fd], env: options.env ?? process.env });
  closeSync(fd);
  child.unref();
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new LabError(`${options.what} could not be started: ${error.message}`)));
    child.once('spawn', () => {
      const started: LabProcess = { what: options.what, pid: child.pid!, startTicks: processStartTicks(child.pid!) ?? '' };
      waitReady(options, started, log).then(() => resolve(started), reject);
    });
  });
}

/** SIGTERM, a moment, SIGKILL. Processes that are already gone, or whose number belongs to someone else, are left alone. */
export async function stopProcesses(processes: readonly LabProcess[], timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
  for (const p of processes) signal(p, 'SIGTERM');
  const deadline = Date.now() + timeoutMs;
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(POLL_MS);
  await killProcesses(processes, timeoutMs);
}

/** SIGKILL, and until they are gone. */
export async function killProcesses(processes: readonly LabProcess[], timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
  for (const p of processes) signal(p, 'SIGKILL');
  const deadline = Date.now() + timeoutMs;
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(POLL_MS);
}

function signal(target: LabProcess, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try { process.kill(target.pid, name); } catch { /* ended between the two lines */ }
}

async function waitReady(options: StartOptions, started: LabProcess, log: string): Promise<void> {
  if (options.readyPattern === undefined) return;
  const timeoutMs = options.readyTimeoutMs ?? 15_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const text = readFileSync(log, 'utf8');
    if (options.readyPattern.test(text)) return;
    if (!isAlive(started)) throw new LabError(`${options.what} ended at once: ${text.trim().split('\n').slice(-3).join('; ') || 'it said nothing'}`);
    if (Date.now() > deadline) {
      await stopProcesses([started]);
      throw new LabError(`${options.what} was not ready within ${timeoutMs / 1000} s: ${text.trim().split('\n').slice(-3).join('; ') || 'it said nothing'}`);
    }
    await sleep(POLL_MS);
  }
}
