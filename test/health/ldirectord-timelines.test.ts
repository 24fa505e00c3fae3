/**
 * What ldirectord 4.12 did to the kernel's table (recorded/ldirectord): ours goes through the same states in the same order. Its own transitions
 * take several ipvsadm calls, of which the recording sometimes shows one half done; ours are one step each.
 */
import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryHost } from '../../lib/config/config-host.ts';
import { readLdirectord } from '../../lib/config/ldirectord/read-ldirectord.ts';
import { failed, PASSED, type ProbeOutcome, type ProbeTarget } from '../../lib/health/checker.ts';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { HealthWorld, sortedRules } from './health-world.ts';

const RECORDED = join(projectRoot(), 'test/health/recorded/ldirectord');
/** failurecount 2 at checkinterval 2. */
const SLACK_SEC = 4;

for (const name of ['ld-http-qno', 'ld-http-qyes']) {
  t.test(`${name}: the same table states in the same order`, async (t) => {
    const recording = readFileSync(join(RECORDED, `${name}.log`), 'utf8').split('\n').filter((line) => /^\d/.test(line)).map((line) => {
      const [at, ...words] = line.split(' ');
      return { atSec: Number(at), text: words.join(' ') };
    });
    const startSec = recording.find(({ text }) => text === '## start')!.atSec;
    // What follows is reading the file again by itself, which is left to SIGHUP.
    const end = recording.findIndex(({ text }) => text.startsWith('## autoreload'));
    const maintenanceSec = recording.find(({ text }) => text.startsWith('## maintenance'))!.atSec;
    /** The recording script takes the file away again, without a line. */
    const events = [...recording.slice(0, end), { atSec: maintenanceSec + 8, text: '## maintenance file gone' }].sort((a, b) => a.atSec - b.atSec);
    let maintained = false;
    const down = new Set<string>();
    let body = 'hello';
    const probe = async ({ check, name: checkName }: HealthCheck, { address }: ProbeTarget): Promise<ProbeOutcome> => {
      if (checkName !== 'maintenancedir') return serves(address);
      t.match(check, { kind: 'exec', command: `test ! -e '/tmp/maint/${address}' -a ! -e '/tmp/maint/${address}:80'` });
      return maintained && address === '10.1.0.1' ? failed('maintenance') : PASSED;
    };
    const serves = (address: string): ProbeOutcome => (down.has(address) || (address === '10.1.0.1' && body !== 'hello') ? failed('no') : PASSED);
    let drawn = 0;
    const world = new HealthWorld(probe, { random: () => [0.2, 0.6][drawn++ % 2]! });
    await world.health.use(readLdirectord('ldirectord.cf', memoryHost({ 'ldirectord.cf': readFileSync(join(RECORDED, `${name}.cf`), 'utf8') })), 'ldirectord.cf');
    const theirs = recording.slice(0, end).filter(({ text }) => text.startsWith('IPVS ')).map(({ atSec, text }) => ({ atSec, text: sortedRules(text.slice(5)) }));
    for (const { atSec, text } of events) {
      if (atSec > startSec) await world.advance(atSec - startSec - world.sec);
      const [, server, state] = /^## server (\d) (up|down)$/.exec(text) ?? [];
      if (state === 'down') down.add(`10.1.0.${server}`);
      if (state === 'up') down.delete(`10.1.0.${server}`);
      if (text.startsWith('## maintenance')) maintained = !text.endsWith('gone');
      if (text === '## body of rs1 changes') body = 'bye';
      if (text === '## rs1 body back') body = 'hello';
    }
    await world.advance(SLACK_SEC);
    const ours = world.lines.filter(({ kind }) => kind === 'IPVS');
    // Half done: the fallback beside servers that serve, or (at the start) one of two servers.
    const fallback = (text: string): boolean => text.includes('10.1.0.9');
    const halfDone = (text: string): boolean => fallback(text) && / -w [1-9]/.test(text.replace(/[^;]*10\.1\.0\.9[^;]*/, ''));
    const states = (lines: readonly { text: string }[]): string[] => lines.map(({ text }) => text).filter((text) => !halfDone(text));
    const firstUp = (list: string[]): string[] => list.slice(list.findIndex((text) => !fallback(text) && text.includes('10.1.0.2:80 -m -w 1') && text.includes('10.1.0.1:80 -g -w 5')));
    t.ok(ours.length > 3);
    t.same(firstUp(states(ours)), firstUp(states(theirs)));
    t.ok(fallback(ours[0]!.text), 'before any check the fallback serves');
    for (const { atSec, text } of ours.slice(1)) {
      const recorded = theirs.filter((one) => one.text === text);
      if (recorded.length > 0) t.ok(recorded.some((one) => Math.abs(one.atSec - startSec - atSec) <= SLACK_SEC), `${text} at ${atSec}`);
    }
    t.same(world.problems, []);
  });
}

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
