import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { referenceText } from '../../../lib/config/native/reference.ts';

t.test('README.md has the reference of the schema as it is', async (t) => {
  let root = import.meta.dirname;
  while (!existsSync(join(root, 'package.json'))) root = dirname(root);
  t.ok(readFileSync(join(root, 'lib/config/native/README.md'), 'utf8').includes(referenceText()));
});
