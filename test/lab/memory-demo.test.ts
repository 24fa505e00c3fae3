import t from 'tap';
import { NUMBERS_ONLY } from '../../lib/config/ipvsadm/name-resolver.ts';
import { runMemoryDemo } from '../../lib/lab/memory-demo.ts';
import { LAB_MODES } from '../../lib/lab/topology.ts';
import { runTsipvsadm } from '../../cli/run-tsipvsadm.ts';

for (const mode of LAB_MODES) {
  t.test(`without root: ${mode} is shown on a simulated network, with exact shares`, async (t) => {
    const lines: string[] = [];
    const failures = await runMemoryDemo({
      mode, requests: 60, print: (text) => lines.push(text),
      tsipvsadm: async (argv, api) => {
        const { stdout, stderr, code } = await runTsipvsadm({ argv: ['tsipvsadm', ...argv], stdin: async () => '', names: NUMBERS_ONLY, api });
        t.same([code, stderr], [0, ''], argv.join(' '));
        return stdout;
      },
    });
    t.equal(failures, 0, lines.filter((l) => l.startsWith('WRONG')).join('\n'));
    t.equal(lines.filter((l) => l.startsWith('ok ')).length, { nat: 3, dr: 3, tun: 6, local: 2 }[mode]);
  });
}
