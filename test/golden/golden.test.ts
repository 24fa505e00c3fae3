import path from 'node:path';
import t from 'tap';
import { runGolden } from '../support/golden-runner.ts';
import { goldenRoot } from '../support/golden-root.ts';

for (const corpus of ['cli', 'format', 'sched', 'packet', 'conn', 'sync']) {
  t.test(`everything recorded in ${corpus} comes out here as it did on the real director`, async (t) => {
    const [folder] = await runGolden([path.join(goldenRoot(), 'open', corpus)]);
    t.ok(folder && folder.passed + folder.excepted.length + folder.failed.length > 0, 'there are cases');
    for (const failure of folder!.failed) t.fail(`${failure.id}: ${JSON.stringify(failure.differences[0])}`.slice(0, 2000));
    t.comment(`${folder!.passed} passed, ${folder!.failed.length} failed, ${folder!.excepted.length} excepted`);
  });
}
