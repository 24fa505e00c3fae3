/** Network namespaces for tests of devices and of the daemon: made and removed by name, dev- and the process id in front. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { nativeProblem } from '../../native-shims/index.ts';

/** Why system tests cannot run here, or false. */
export const skipReason: string | false = process.getuid?.() !== 0 ? 'needs root' : (nativeProblem() ?? false);

/** Under load a test takes many times its time on a quiet machine. */
export const SLOW = { skip: skipReason, timeout: 180_000 };

let instances = 0;

export class Namespaces {
  readonly #names: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #tag: string;

  constructor(prefix = 'dev') {
    this.#tag = `${prefix}-${process.pid}-${instances++}`;
  }

  /** Create one; returns its full name. */
  add(name: string): string {
    const full = `${this.#tag}-${name}`;
    ip('netns', 'add', full);
    this.#names.push(full);
    ip('-n', full, 'link', 'set', 'lo', 'up');
    return full;
  }

  /** A veth pair between two namespaces, both ends up. */
  link(ns1: string, if1: string, ns2: string, if2: string): void {
    ip('link', 'add', if1, 'netns', ns1, 'type', 'veth', 'peer', 'name', if2, 'netns', ns2);
    ip('-n', ns1, 'link', 'set', if1, 'up');
    ip('-n', ns2, 'link', 'set', if2, 'up');
  }

  ip(ns: string, command: string): string {
    return ip('-n', ns, ...command.split(' '));
  }

  run(ns: string, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', ns, ...command], { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A background program in a namespace; ended by close(). */
  start(ns: string, ...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', ns, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of this.#names) ip('netns', 'del', name);
    this.#names.length = 0;
  }
}

/** The next line a child prints. */
export function nextLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end < 0) return;
      child.stdout!.off('data', onData);
      child.off('exit', onExit);
      resolve(text.slice(0, end));
    };
    const onExit = (code: number | null): void => reject(new Error(`ended with ${code} before printing a line`));
    child.stdout!.on('data', onData);
    child.once('exit', onExit);
  });
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
