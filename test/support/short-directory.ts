import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test, removed with it. For sockets: their paths have 107 bytes at most, and tap's own test folders are long. */
export function shortDirectory(t: { teardown(fn: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsipvs-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
