/**
 * Commands and long-running processes on the hosts of the topology. Everything is asynchronous and knows the bench's end: when `ending` is
 * aborted (SIGINT, SIGTERM), what waits is rejected and what runs is ended, so that the caller's `finally` can clean up.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NAMESPACES, type Host } from './hosts.ts';

export const PROJECT_ROOT = projectRoot();

const KILL_AFTER_MS = 2000;
const COMMAND_TIMEOUT_MS = 60_000;

const ended = new AbortController();
const running = new Set<ChildProcess>();

export const ending: AbortSignal = ended.signal;

export function end(reason: string): void {
  ended.abort(new Error(reason));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (ending.aborted) return reject(ending.reason as Error);
    const stopped = (): void => { clearTimeout(timer); reject(ending.reason as Error); };
    const timer = setTimeout(() => { ending.removeEventListener('abort', stopped); resolve(); }, ms);
    ending.addEventListener('abort', stopped, { once: true });
  });
}

/** Run a short command (set-up, readings) and return its standard output. */
export function run(command: string, args: readonly string[], input?: string): string {
  return execFileSync(command, args, { encoding: 'utf8', input, timeout: COMMAND_TIMEOUT_MS, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The same on one of the hosts. */
export function on(host: Host, command: string, args: readonly string[] = [], input?: string): string {
  return run('ip', inside(host, command, args), input);
}

/** Run a load to its end on one of the hosts and return its standard output. */
export function load(host: Host, command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ip', inside(host, command, args), { timeout: COMMAND_TIMEOUT_MS, signal: ending, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(ending.aborted ? ending.reason as Error : new Error(`${command}: ${(stderr.trim() || stdout.trim().slice(-300)) || error.message}`));
    });
  });
}

/** Start a long-running process on one of the hosts. `ip netns exec` becomes the command, so its pid is the command's. */
export function start(host: Host, command: string, args: readonly string[]): ChildProcess {
  const child = spawn('ip', inside(host, command, args), { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** End a process we started and wait for it. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    child.once('exit', () => { clearTimeout(timer); resolve(); });
    child.kill('SIGTERM');
  });
}

/** Wait until something listens on a TCP port of a host. */
export async function listening(host: Host, port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (on(host, 'ss', ['-Htln', `sport = :${port}`]).trim() !== '') return;
    await pause(50);
  }
  throw new Error(`nothing listens on port ${port} of the ${host} after 5 s`);
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stop));
}

function inside(host: Host, command: string, args: readonly string[]): string[] {
  return ['netns', 'exec', NAMESPACES[host], command, ...args];
}

function projectRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}
