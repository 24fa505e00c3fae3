import t from 'tap';
import { findGoldenFolders } from '../support/golden-case.ts';
import { runGolden } from '../support/golden-runner.ts';
import { goldenRoot } from '../support/golden-root.ts';

t.equal(new Set(findGoldenFolders(goldenRoot()).map((folder) => folder.name)).size, 6, 'all six corpora are there');

for (const { name, files } of findGoldenFolders(goldenRoot())) {
  t.test(`everything recorded in ${name} (${files.length} cases) comes out here as it did on the real director`, async (t) => {
    for (const folder of await runGolden(files)) {
      for (const failure of folder.failed) t.fail(`${failure.id}: ${JSON.stringify(failure.differences[0])}`.slice(0, 2000));
      for (const { id, reason } of folder.excepted) t.comment(`${id} excepted: ${reason}`);
      t.equal(folder.passed + folder.excepted.length, files.length);
    }
  });
}
