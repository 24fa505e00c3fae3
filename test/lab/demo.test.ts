import t from 'tap';
import { type DemoStage, demoRounds, expectedShares, judge, playRound, serviceCommands } from '../../lib/lab/demo.ts';
import { describeTopology, LAB_MODES } from '../../lib/lab/topology.ts';

const nat = describeTopology({ mode: 'nat' });
const [round] = demoRounds(nat);
const service = round!.services[0]!;

t.test('commands are those one would type', async (t) => {
  t.same(serviceCommands(service).map((argv) => argv.join(' ')), [
    '-A -t 198.51.100.100:80 -s wrr',
    '-a -t 198.51.100.100:80 -r 10.1.0.1:80 -m -w 3', '-a -t 198.51.100.100:80 -r 10.1.0.2:80 -m -w 2', '-a -t 198.51.100.100:80 -r 10.1.0.3:80 -m -w 1',
  ]);
});

t.test('every mode shows TCP over both families; tunnels of all three kinds; UDP under NAT and direct routing', async (t) => {
  const shown = LAB_MODES.map((mode) => demoRounds(describeTopology({ mode })).map((r) => r.services.map((s) => s.title).join('; ')));
  const tcp = 'TCP, IPv4; TCP, IPv6';
  t.same(shown, [[`${tcp}; UDP, IPv4`], [`${tcp}; UDP, IPv4`], [tcp, tcp, tcp], [tcp]]);
});

t.test('shares are those of whole turns', async (t) => {
  t.same(expectedShares(service, 300), { rs1: 150, rs2: 100, rs3: 50 });
  t.same(expectedShares(service, 304), { rs1: 150, rs2: 100, rs3: 50 });
});

t.test('one request too many, too few, lost, or answered by a stranger is wrong', async (t) => {
  const good = { rs1: 3, rs2: 2, rs3: 1 }, none = {};
  t.ok(judge(service, 6, { answers: good, failures: none, elapsedMs: 1 }).holds);
  for (const [answers, failures] of [
    [{ ...good, rs1: 4 }, none], [{ ...good, rs3: 0 }, none], [{ rs1: 3, rs2: 2 }, none], [good, { TIMEOUT: 1 }], [{ ...good, director: 1 }, none],
  ] as const) {
    const { holds, line } = judge(service, 6, { answers, failures, elapsedMs: 1 });
    t.notOk(holds);
    t.match(line, /^WRONG .*expected rs1 3, rs2 2, rs3 1/);
  }
});

t.test('a table that counts otherwise than the client is wrong', async (t) => {
  const table = (last: number): string => `IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port
TCP  198.51.100.100:80                   6       30       24     2000     4000
  -> 10.1.0.1:80                         3       15       12     1000     2000
  -> 10.1.0.2:80                         2       10        8      700     1300
  -> 10.1.0.3:80                         ${last}        5        4      300      700\n`;
  for (const last of [1, 2]) {
    const printed: string[] = [];
    const stage: DemoStage = {
      topology: nat, settle: async () => {}, command: async (argv) => (argv[0] === '-Ln' ? table(last) : ''),
      send: async () => ({ answers: { rs1: 3, rs2: 2, rs3: 1 }, failures: {}, elapsedMs: 1 }),
    };
    t.equal(await playRound(stage, { title: 'NAT', services: [service] }, { requests: 6, print: (text) => printed.push(text) }), last === 1 ? 0 : 1);
    t.equal(printed.some((l) => l.includes('the table counts 2 for rs3 instead of 1')), last === 2);
  }
});
