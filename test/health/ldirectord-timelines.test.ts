/**
 * What ldirectord 4.12 did to the kernel's table (recorded/ldirectord, and recordings of our own): ours goes through the same states in the same
 * order, each within one check interval of the recorded moment. Its own transitions take several ipvsadm calls, ours are one step each:
 * what a recording shows for less than PASSING_SEC is one of them half done.
 */
import t from 'tap';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryHost } from '../../lib/config/config-host.ts';
import { readLdirectord } from '../../lib/config/ldirectord/read-ldirectord.ts';
import { failed, PASSED, type ProbeOutcome, type ProbeTarget } from '../../lib/health/checker.ts';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { HealthWorld, sortedRules } from './health-world.ts';

const RECORDED = join(projectRoot(), 'test/health/recorded/ldirectord');
const MADE = join(projectRoot(), 'test/health/recorded/ldirectord-made');
const PASSING_SEC = 0.6;

/**
 * Intervals that one may come apart, where it is not one. c: ldirectord negotiates after two connects, ours every time. d: the end of the first
 * maintenance was noticed two rounds late.
 */
const INTERVALS: Readonly<Record<string, number>> = { c: 3, d: 2 };
/** In b a server that is new after a reload stays at weight 0 until the next one, though its checks pass: a mistake that ours does not make. */
const CORRECTED: Readonly<Record<string, (text: string) => string>> = { b: (text) => text.replace('-r 10.1.0.2:80 -m -w 0; -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 0', '-r 10.1.0.2:80 -m -w 0; -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1') };

interface State { readonly atSec: number; readonly text: string }

const SCENARIOS = [
  ...readdirSync(RECORDED).filter((file) => file.endsWith('.cf')).map((file) => ({ name: file.slice(0, -3), folder: RECORDED })),
  ...readdirSync(MADE).filter((file) => file.endsWith('.log')).map((file) => ({ name: file.slice(0, -4), folder: MADE })),
];

/** What the lines "## ..." of a recording change. */
class RealServers {
  readonly #down = new Set<string>();
  readonly #bodies = new Map<string, string>();
  readonly #maintained = new Set<string>();
  #exit = 0;

  constructor(names: readonly number[]) {
    for (const n of names) this.#down.add(`10.1.0.${n}`);
  }

  hear(event: string): void {
    const [, server, state] = /^server (\d) (up|down)$/.exec(event) ?? [];
    if (state === 'down') this.#down.add(`10.1.0.${server}`);
    if (state === 'up') this.#down.delete(`10.1.0.${server}`);
    const changes = /^body of rs(\d) changes$/.exec(event);
    if (changes !== null) this.#bodies.set(`10.1.0.${changes[1]}`, 'bye');
    const back = /^rs(\d) body back$/.exec(event);
    if (back !== null) this.#bodies.delete(`10.1.0.${back[1]}`);
    const exit = /^script exit (\d+)$/.exec(event);
    if (exit !== null) this.#exit = Number(exit[1]);
    const file = /^maintenance (over )?([\d.:]+)$/.exec(event);
    if (file !== null) this.#maintained[file[1] === undefined ? 'add' : 'delete'](file[2]!);
  }

  async probe({ check, name }: HealthCheck, { address }: ProbeTarget): Promise<ProbeOutcome> {
    if (check.kind === 'exec') {
      if (name !== 'maintenancedir') return this.#exit === 0 ? PASSED : failed(`exit ${this.#exit}`);
      return [...this.#maintained].some((file) => check.command.includes(`'/tmp/maint/${file}'`)) ? failed('maintenance') : PASSED;
    }
    if (check.kind === 'fixed') return check.up ? PASSED : failed('off');
    if (check.kind === 'ping') return PASSED;
    if (this.#down.has(address)) return failed('connection refused');
    return check.kind === 'http' && !/hel+o/.test(this.#bodies.get(address) ?? 'hello\n') ? failed('regex') : PASSED;
  }
}

for (const { name, folder } of SCENARIOS) {
  t.test(`${name}: the same table states in the same order, within one check interval`, async (t) => {
    const recording: readonly State[] = readFileSync(join(folder, `${name}.log`), 'utf8').split('\n').filter((line) => /^\d/.test(line)).map((line) => {
      const [at, ...words] = line.split(' ');
      return { atSec: Number(at), text: words.join(' ') };
    });
    const servers = new RealServers([1, 2, 3, 9]);
    const world = new HealthWorld((check, target) => servers.probe(check, target), { random: () => 0 });
    let text = readFileSync(join(folder, `${name}.cf`), 'utf8');
    const use = (): Promise<unknown> => world.health.use(readLdirectord('ldirectord.cf', memoryHost({ 'ldirectord.cf': text })), 'ldirectord.cf');
    const intervalSec = Number(/^checkinterval=(\d+)/m.exec(text)![1]);
    const end = recording.findIndex(({ text: one }) => /^(## )?TERM/.test(one));
    const theirs = lasting(recording.slice(0, end).filter(({ text: one }) => one.startsWith('IPVS ')).map(({ atSec, text: one }) => ({ atSec, text: (CORRECTED[name] ?? String)(sortedRules(one.slice(5))) })), recording[end]!.atSec);
    // It takes a second or more to start, and then the first table appears.
    const startSec = recording.find(({ text: one }) => one.startsWith('IPVS '))!.atSec;
    for (const { text: event } of recording.filter(({ atSec }) => atSec < startSec)) servers.hear(event.replace('## ', ''));
    await use();
    const events = recording.slice(0, end).flatMap(({ atSec, text: one }): State[] => {
      if (atSec < startSec || !one.startsWith('## ')) return [];
      // The recording script takes the file away again, without a line.
      return one === '## maintenance file for rs1' ? [{ atSec, text: 'maintenance 10.1.0.1:80' }, { atSec: atSec + 8, text: 'maintenance over 10.1.0.1:80' }] : [{ atSec, text: one.slice(3) }];
    });
    for (const { atSec, text: event } of events.toSorted((a, b) => a.atSec - b.atSec)) {
      await world.advance(atSec - startSec - world.sec);
      const file = /^reload (\S+)$/.exec(event)?.[1];
      if (file !== undefined || event.startsWith('autoreload')) {
        text = file === undefined ? text.replace('\tfallback', '\treal=10.1.0.3:80 ipip 7\n\tfallback') : readFileSync(join(folder, file), 'utf8');
        // It looks at the file once an interval; so do we.
        await world.advance(intervalSec / 2);
        await use();
      } else servers.hear(event);
    }
    await world.advance(recording[end]!.atSec - startSec - world.sec);
    const ours = lasting(world.lines.filter(({ kind }) => kind === 'IPVS').map(({ atSec, text: one }) => ({ atSec: atSec + startSec, text: one })), recording[end]!.atSec);
    t.same(ours.map(({ text: one }) => one), theirs.map(({ text: one }) => one));
    ours.forEach(({ atSec, text: one }, n) => {
      if (theirs[n] !== undefined) t.ok(Math.abs(atSec - theirs[n]!.atSec) <= intervalSec * (INTERVALS[name] ?? 1) + PASSING_SEC, `${one.slice(0, 80)} at ${atSec}, recorded ${theirs[n]!.atSec}`);
    });
    t.same(world.problems, []);
  });
}

/** States that stood for a while; the same one twice in a row is one. */
function lasting(states: readonly State[], endSec: number): readonly State[] {
  const stood = states.filter(({ atSec }, n) => (states[n + 1]?.atSec ?? endSec) - atSec >= PASSING_SEC);
  return stood.filter(({ text }, n) => stood[n - 1]?.text !== text);
}

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
