/** `tsipvs schedulers`, as a program. */
import t from 'tap';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LaboratoryResult } from '../../../lib/laboratory/result.ts';
import { READY_SCENARIOS } from '../../../lib/laboratory/scenarios/index.ts';

let root = import.meta.dirname;
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
const PROGRAM = join(root, 'dist/bin/tsipvs.js');
const SMALL = ['--connections', '300', '--no-cost'];

t.test('the same command gives the same result to the byte, and the result says which command that is', async (t) => {
  const args = ['bench', 'equal-servers', '--schedulers', 'rr,mh+mh-port,p2c', '--seed', '9', ...SMALL, '--json', '-'];
  const first = schedulers(args), second = schedulers(args);
  t.equal(first.status, 0, first.stderr);
  t.equal(first.stdout, second.stdout);
  const [result] = JSON.parse(first.stdout) as [LaboratoryResult];
  t.same(result.runs.map(({ scheduler, research, cost }) => [scheduler, research, cost]), [['rr', false, null], ['mh+mh-port', false, null], ['p2c', true, null]]);
  t.equal(result.command, 'tsipvs schedulers bench equal-servers --seed 9 --schedulers rr,mh+mh-port,p2c --connections 300');
});

t.test('a ready scenario, written to a file, is the same scenario; two scenarios give two results', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'mine.yaml');
  writeFileSync(file, schedulers(['show', 'rolling-deploy']).stdout);
  const json = join(folder, 'out.json');
  const { status, stderr } = schedulers(['bench', 'rolling-deploy', file, ...SMALL, '--schedulers', 'ring', '--json', json]);
  t.equal(status, 0, stderr);
  const [ready, own] = JSON.parse(readFileSync(json, 'utf8')) as [LaboratoryResult, LaboratoryResult];
  t.same({ ...own, command: '' }, { ...ready, command: '' });
});

t.test('with cost, every run says what a pick takes and what the scheduler holds', async (t) => {
  const { stdout } = schedulers(['bench', 'equal-servers', '--schedulers', 'rr,maglev', '--connections', '300', '--json', '-']);
  const [{ runs: [rr, maglev] }] = JSON.parse(stdout) as [LaboratoryResult];
  t.ok(rr!.cost!.nsPerPick > 0 && maglev!.cost!.nsPerPick > 0);
  t.ok(maglev!.cost!.schedulerBytes > 65_537 * 4 * 0.9, `the table of 65537 slots: ${maglev!.cost!.schedulerBytes}`);
});

t.test('one run writes page, pictures, CSV and JSON, and shows the ranking, plain in a pipe', async (t) => {
  const folder = t.testdir();
  const at = (name: string): string => join(folder, name);
  const { status, stdout, stderr } = schedulers(['bench', 'unequal-servers', '--schedulers', 'rr,wlc', ...SMALL, '--report', at('out.html'), '--svg', at('svg'), '--csv', at('out.csv'), '--json', at('out.json')]);
  t.equal(status, 0, stderr);
  t.equal(stderr, '', 'no progress bar in a pipe');
  t.notMatch(stdout, /\u001b/);
  const [result] = JSON.parse(readFileSync(at('out.json'), 'utf8')) as [LaboratoryResult];
  const page = readFileSync(at('out.html'), 'utf8');
  t.ok(page.includes(result.finding) && page.includes(result.command));
  t.equal(readFileSync(at('out.csv'), 'utf8').split('\r\n').length, 4, 'a heading, two schedulers, the end');
  t.ok(readdirSync(at('svg')).includes('unequal-servers-ranking.svg'));
  for (const [index, { scheduler }] of result.ranking.rows.entries()) t.match(stdout, new RegExp(`^ *${index + 1} ${scheduler} `, 'm'));
  t.match(schedulers(['bench', 'unequal-servers', '--schedulers', 'rr', ...SMALL, '--report', '-']).stdout, /^<!DOCTYPE html>/, 'nothing but the page where the page is asked for');
});

t.test('list names every ready scenario and scheduler, format every field', async (t) => {
  const { stdout } = schedulers(['list']);
  for (const word of [...Object.keys(READY_SCENARIOS), 'wlc', 'mh+mh-port', 'rendezvous+port', 'bounded']) t.match(stdout, word);
  t.match(schedulers(['format']).stdout, /persistenceMask/);
});

t.test('bad input is one line that names the thing and the way out, before anything runs', async (t) => {
  for (const [args, message] of [
    [['bench', 'equal-server'], /^tsipvs: no scenario "equal-server", and no such file \(did you mean equal-servers\?\)/],
    [['bench', 'equal-servers', '--schedulers', 'wcl'], /^tsipvs: no scheduler "wcl": one of .*did you mean/],
    [['bench', 'equal-servers', '--schedulers', 'rr+port'], /^tsipvs: rr has no flag "port": it takes none/],
    [['bench', 'equal-servers', '--connections', '0'], /^tsipvs: --connections 0 is not a whole number from 1/],
    [['bench', 'equal-servers', '--seed', '-1'], /^tsipvs: --seed -1 is not a whole number from 0/],
    [['bench', 'equal-servers', '--service', 'tcp 192.0.2.10 80'], /^tsipvs: --service .* needs --trace/],
    [['bench', 'equal-servers', '--trace', '/nowhere/x.pcap'], /^tsipvs: .*\/nowhere\/x\.pcap/],
    [['bench', 'equal-servers', '--json', '/nowhere/x.json'], /^tsipvs: --json \/nowhere\/x\.json .*folder does not exist/],
    [['show', 'rolling'], /^tsipvs: no scenario "rolling".*did you mean rolling-deploy/],
  ] as const) {
    const { status, stdout, stderr } = schedulers(args);
    t.not(status, 0);
    t.equal(stdout, '');
    t.match(stderr, message);
    t.equal(stderr.trimEnd().split('\n').length, 1);
  }
});

function schedulers(args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, 'schedulers', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
}
