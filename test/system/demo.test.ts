import t from 'tap';
import { runDemo } from '../../lib/lab/demo.ts';
import { LAB_MODES } from '../../lib/lab/topology.ts';
import { removeLab } from '../../lib/lab/running-lab.ts';
import { freePrefix, FULL, SKIP } from './lab-case.ts';

const PREFIX = freePrefix('tsipvs-tdemo');

for (const mode of LAB_MODES) {
  t.test(`demonstration of ${mode}: every method carries TCP over IPv4 and IPv6, UDP where shown, and shares match the weights`, { skip: SKIP, timeout: 120_000 }, async (t) => {
    t.teardown(() => removeLab(PREFIX));
    const lines: string[] = [];
    t.equal(await runDemo({ mode, prefix: PREFIX, requests: FULL ? 300 : 60, print: (text) => lines.push(text) }), 0);
    const verdicts = lines.filter((l) => /^(ok {3}|WRONG)/.test(l));
    t.equal(verdicts.length, { nat: 3, dr: 3, tun: 6, local: 2 }[mode]);
    t.same(verdicts.filter((l) => !l.startsWith('ok')), []);
  });
}
