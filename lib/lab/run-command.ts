/**
 * Every program the laboratory runs goes through here: bounded in time, output kept, and a failure that names the command and what
 * it said. A command may be run inside a network namespace; nothing else distinguishes a lab host from this one.
 */
import { execFile } from 'node:child_process';

const DEFAULT_TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;

export interface CommandResult { readonly status: number; readonly stdout: string; readonly stderr: string }

export interface CommandOptions {
  /** Network namespace to run in; the current one if absent. */
  readonly namespace?: string | null;
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Return a non-zero status instead of throwing. */
  readonly mayFail?: boolean;
}

/** What went wrong in the laboratory, in one line for the user. */
export class LabError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LabError';
  }
}

/** argv as it must be executed to take place in a namespace. */
export function inNamespace(namespace: string | null | undefined, argv: readonly string[]): string[] {
  return namespace ? ['ip', 'netns', 'exec', namespace, ...argv] : [...argv];
}

export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...args] = inNamespace(options.namespace, argv);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const child = execFile(program!, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, env: options.env ?? process.env }, (error, stdout, stderr) => {
      if (error !== null && child.pid === undefined) {
        reject(new LabError((error as NodeJS.ErrnoException).code === 'ENOENT' ? `${program}: command not found` : `${program}: ${error.message}`));
        return;
      }
      const timedOut = child.signalCode === 'SIGKILL' && child.killed;
      const status = child.exitCode ?? 128;
      if (status !== 0 && options.mayFail !== true) {
        const said = timedOut ? `no answer within ${timeoutMs / 1000} s` : (stderr.trim() || stdout.trim() || `exit status ${status}`).split('\n').slice(0, 3).join('; ');
        reject(new LabError(`${argv.join(' ')}${options.namespace ? ` (in ${options.namespace})` : ''}: ${said}`));
        return;
      }
      resolve({ status, stdout, stderr });
    });
    child.stdin?.on('error', () => { /* the command did not read all of its input; its status says how it went */ });
    child.stdin?.end(options.input ?? '');
  });
}
