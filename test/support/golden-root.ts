/** Where test/golden is: the compiled tests run from an output folder, the data stays in the source tree. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export function goldenRoot(): string {
  for (let dir = import.meta.dirname; ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, 'package.json'))) return path.join(dir, 'test/golden');
    if (dir === path.dirname(dir)) throw new Error('test/golden: no package.json above the compiled tests');
  }
}
