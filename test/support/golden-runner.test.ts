import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type GoldenCase, readGoldenCase } from './golden-case.ts';
import { runCase, runGolden } from './golden-runner.ts';
import { goldenRoot } from './golden-root.ts';

function recorded(corpus: string, id: string): GoldenCase {
  return readGoldenCase(path.join(goldenRoot(), 'open', corpus, `${id}.json`));
}

t.test('a recorded case passes; with one expected byte changed it fails, and the step is named', async (t) => {
  const golden = recorded('packet', 'packet-nat4-tcp');
  t.same((await runCase(golden)).differences, []);
  const at = golden.steps.findIndex((s) => (s.out ?? []).length > 0);
  const changed = structuredClone(golden);
  const out = changed.steps[at]!.out as { dev: string; hex: string }[];
  out[0] = { dev: out[0]!.dev, hex: out[0]!.hex.slice(0, -2) + (out[0]!.hex.endsWith('00') ? '01' : '00') };
  t.same((await runCase(changed)).differences.map((d) => d.where), [at]);
});

t.test('what a command should have printed, its exit status and the pick of a connection are all checked', async (t) => {
  const cli = structuredClone(recorded('cli', 'cli-defaults'));
  const listing = cli.steps.findIndex((s) => (s.stdout ?? '').length > 0);
  cli.steps[listing]!.stdout += ' ';
  cli.steps[0]!.code = 99;
  t.same((await runCase(cli)).differences.map((d) => d.where), [0, listing]);
  const sched = structuredClone(recorded('sched', 'sched-walk-00-rr-0'));
  sched.picks![3] = '10.1.0.99:80';
  t.same((await runCase(sched)).differences.map((d) => d.where), ['picks[3]']);
  const conn = structuredClone(recorded('conn', 'conn-tcp-tun-all'));
  conn.sequences![5]!.after[1] = ['LISTEN', '00:00'];
  t.same((await runCase(conn)).differences.map((d) => d.where), ['sequences[5]']);
});

t.test('time is exact: a wait that is a second longer shows', async (t) => {
  const golden = structuredClone(recorded('conn', 'conn-udp-masq'));
  const at = golden.steps.findIndex((s) => s.op === 'wait');
  for (const step of golden.steps.slice(at + 1)) step.t += 1;
  golden.steps[at]!.seconds! += 1;
  t.not((await runCase(golden)).differences.length, 0);
});

t.test('a step of an unknown kind, an unknown command or an unknown file fails by name', async (t) => {
  for (const [step, words] of [[{ t: 1, op: 'dance' }, /kind dance/], [{ t: 1, op: 'shell', cmd: 'tc qdisc' }, /tc/], [{ t: 1, op: 'read', path: '/proc/cpuinfo' }, /cpuinfo/]] as const) {
    const result = await runCase({ id: 'x', title: 'x', profile: 'none', steps: [step] });
    t.match(String(result.differences[0]?.ours), words);
    t.equal(result.differences[0]?.where, 0);
  }
});

t.test('any directory, a corpus folder or one file; one case by its id, several by its beginning', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'golden-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  for (const id of ['one', 'one-more', 'two']) writeFileSync(path.join(dir, `${id}.json`), JSON.stringify({ id, title: id, profile: 'none', steps: [{ t: 0.1, argv: ['ipvsadm', '-C'], stdout: '', stderr: '', code: 0 }] }));
  const passed = async (target: string, only?: string): Promise<number[]> => (await runGolden([target], { only })).map((f) => f.passed);
  t.same([await passed(dir), await passed(path.join(dir, 'two.json')), await passed(dir, 'one'), await passed(dir, 'on'), await passed(dir, 'none')], [[3], [1], [1], [2], []]);
});
