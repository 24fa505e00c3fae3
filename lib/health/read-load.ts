/** The load average of a real server, asked as nanny does: rsh or ssh with uptime, rup, ruptime. */
import type { LoadMonitor } from '../model/desired-configuration.ts';
import { commandWords } from './command-words.ts';
import { parseLoad } from './load-weight.ts';
import { runProgram } from './run-program.ts';

const LIMIT_MS = 15_000;

/** What follows the command, unless it names the server itself (%h). */
const APPENDED: Readonly<Record<LoadMonitor['kind'], (address: string) => readonly string[]>> = {
  uptime: (address) => [address, 'uptime'],
  rup: (address) => [address],
  ruptime: () => [],
};

/** Null where it cannot be told. */
export async function readLoad({ kind, command }: LoadMonitor, address: string): Promise<number | null> {
  const given = commandWords(command);
  const words = given.includes('%h') ? given.map((word) => (word === '%h' ? address : word)) : given.includes(address) ? given : [...given, ...APPENDED[kind](address)];
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  try {
    const { output } = await runProgram(words, { signal: limit.signal, wantsOutput: true });
    const lines = output.split('\n');
    return parseLoad(kind === 'ruptime' ? lines.find((line) => line.startsWith(`${address} `)) ?? '' : output);
  } finally {
    clearTimeout(timer);
  }
}
