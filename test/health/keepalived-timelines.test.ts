/**
 * What keepalived 2.2.7 did to the kernel's table, its FIFO and its scripts while servers came and went (recorded/keepalived): ours does the
 * same in the same order, each within one delay loop of the recorded moment.
 */
import t from 'tap';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readKeepalived } from '../../lib/config/keepalived/read-keepalived.ts';
import { memoryHost } from '../../lib/config/config-host.ts';
import { fileOutcome } from '../../lib/health/checks/file.ts';
import { failed, PASSED, type ProbeOutcome, type ProbeTarget } from '../../lib/health/checker.ts';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { HealthWorld, sortedRules, type Line } from './health-world.ts';

/** The recordings handed to us, and those of our own (see SOURCES.md). */
const RECORDED = join(projectRoot(), 'test/health/recorded/keepalived');
const MADE = join(projectRoot(), 'test/health/recorded/keepalived-made');
/** keepalived starts its first checks one second after the start. */
const BOOTSTRAP_SEC = 1;
const LOOKS_EVERY_SEC = 0.2;

/** What the lines "## ..." of a recording change. */
class RealServers {
  readonly down = new Set<string>();
  readonly statuses = new Map<string, number>();
  exit = 0;
  hangs = false;
  body = 'hello\n';
  file = 0;

  hear(event: string): void {
    const [, server, state] = /^server (\d) (up|down)$/.exec(event) ?? [];
    if (state === 'down') this.down.add(`10.1.0.${server}`);
    if (state === 'up') this.down.delete(`10.1.0.${server}`);
    const [, exit] = /^script exit (\d+)$/.exec(event) ?? [];
    if (exit !== undefined) this.exit = Number(exit);
    if (event === 'script hangs') this.hangs = true;
    if (event === 'rs1 body changes') this.body = 'bye';
    if (event === 'rs1 body back') this.body = 'hello\n';
    // In D the recording script takes the 404 away 14 s later, without a line; "rs2 302" stays.
    const [, number, status] = /^rs(\d) (\d+)$/.exec(event) ?? [];
    if (status !== undefined) this.statuses.set(`10.1.0.${number}`, Number(status));
    const [, content] = /^file (-?\d+)$/.exec(event) ?? [];
    if (content !== undefined) this.file = Number(content);
  }

  async probe(world: HealthWorld, { check, timing }: HealthCheck, { address }: ProbeTarget, step: number): Promise<ProbeOutcome> {
    if (check.kind === 'file') return fileOutcome(check, this.file);
    if (check.kind === 'exec') {
      if (this.hangs) return new Promise((resolve) => world.clock.after(timing.timeoutSec * 1000, () => resolve(failed('no answer'))));
      if (this.exit === 0) return PASSED;
      return this.exit === 1 || !check.dynamicWeight ? failed(`exit ${this.exit}`) : { ok: true, error: '', weight: this.exit - 2 };
    }
    // Nobody has this address: neither an answer nor a refusal.
    if (address === '10.1.0.4') return new Promise((resolve) => world.clock.after(timing.timeoutSec * 1000, () => resolve(failed('no connection in time'))));
    if (this.down.has(address)) return failed('connection refused');
    if (check.kind === 'http') {
      const status = this.statuses.get(address) ?? 200;
      if (status !== 200) return failed(`status ${status}`);
      return address === '10.1.0.1' && step === 0 && this.body !== 'hello\n' ? failed('digest') : PASSED;
    }
    if (check.kind === 'dns' || check.kind === 'udp') return address === '10.1.0.1' ? PASSED : failed('port unreachable');
    return PASSED;
  }
}

/** Shares of the warm-up, as spread as the recorded ones. */
const WARMUPS: Readonly<Record<string, readonly number[]>> = { A: [0.55, 0.6, 0.8], G: [0.51, 0.5, 0.3], K: [0.88, 0.6, 0.8, 0.2, 0.6, 0.8, 0.75], R: [0.8, 0.5, 0.17], S: [0.15, 0.66, 0.05], T: [0.97, 0.86, 0.5], U: [0.37, 0.9, 0.98] };

const SCENARIOS: readonly { readonly name: string; readonly folder: string; readonly delayLoopSec: number; readonly unlogged?: readonly (readonly [atSec: number, event: string])[] }[] = [
  ...([['A', 5], ['B', 4], ['C', 2], ['D', 4], ['E', 4]] as const).map(([name, delayLoopSec]) => ({ name, folder: RECORDED, delayLoopSec, ...(name === 'D' ? { unlogged: [[248.2, 'rs2 200']] as const } : {}) })),
  ...readdirSync(MADE).filter((file) => file.endsWith('.log')).map((file) => ({ name: file.slice(0, -4), folder: MADE, delayLoopSec: 4, ...(file === 'Q.log' ? { unlogged: [[0, 'script exit 1']] as const } : {}) })),
];

for (const { name, folder, delayLoopSec, unlogged = [] } of SCENARIOS) {
  t.test(`scenario ${name}: same table states and notifications, in the same order, within one delay loop`, async (t) => {
    const recording = readFileSync(join(folder, `${name}.log`), 'utf8').split('\n').filter((line) => /^\d/.test(line)).map((line) => {
      const [at, ...words] = line.split(' ');
      return { atSec: Number(at), text: words.join(' ') };
    });
    const startSec = recording.find(({ text }) => text.startsWith('## start'))!.atSec + BOOTSTRAP_SEC;
    const servers = new RealServers();
    // Ours begin with none that runs; those of A run on in B to E.
    if (folder === MADE) for (let n = 1; n < 10; n++) servers.hear(`server ${n} down`);
    const shares = WARMUPS[name] ?? WARMUPS['A']!;
    let drawn = 0;
    const random = (): number => shares[drawn++ % shares.length]!;
    let vipHere = true;
    const world: HealthWorld = new HealthWorld((check, target, step) => servers.probe(world, check, target, step), { random, hasAddress: () => vipHere });
    const use = async (file: string): Promise<void> => {
      const text = readFileSync(join(folder, file), 'utf8');
      await world.health.use(readKeepalived('keepalived.conf', memoryHost({ 'keepalived.conf': text, '/tmp/tf': `${servers.file}\n` })), 'keepalived.conf');
    };
    await use(`${name}.conf`);
    const events = [...recording.filter(({ text: one }) => one.startsWith('## ')), ...unlogged.map(([atSec, one]) => ({ atSec, text: `## ${one}` }))].sort((a, b) => a.atSec - b.atSec);
    for (const { atSec, text: event } of events) {
      if (atSec > startSec) await world.advance(atSec - startSec - world.sec);
      const [, file] = /^## reload (\S+)$/.exec(event) ?? [];
      if (file !== undefined) await use(file);
      else if (event.startsWith('## vip ')) {
        vipHere = event === '## vip back';
        world.health.addressesChanged();
      } else if (event.startsWith('## TERM')) void world.health.close();
      else servers.hear(event.slice(3));
    }
    const end = recording.findIndex(({ text: one }) => one.startsWith('IPVS-after-stop'));
    const stream = (kind: Line['kind'], lines: readonly { atSec: number; text: string }[]): { atSec: number; text: string }[] =>
      lines.filter(({ text: one }) => one.startsWith(`${kind} `)).map(({ atSec, text: one }) => ({ atSec, text: kind === 'IPVS' ? sortedRules(one.slice(5)) : one.slice(kind.length + 1) }));
    for (const kind of ['FIFO', 'SCRIPT', 'IPVS'] as const) {
      const theirs = stream(kind, kind === 'IPVS' ? recording.slice(0, end) : recording);
      // The recording looked five times a second: of what the table was for less, it shows the last.
      const ours = world.lines.filter((line) => line.kind === kind).filter(({ atSec }, n, lines) => kind !== 'IPVS' || n === 0 || lines[n + 1] === undefined || lines[n + 1]!.atSec - atSec >= LOOKS_EVERY_SEC);
      // Scripts run beside each other: those that start within a tenth of a second may log in any order.
      const order = kind === 'SCRIPT' ? grouped : (lines: readonly { atSec: number; text: string }[]) => lines.map(({ text: one }) => one);
      t.same(order(ours).map((one) => one.replace('/tmp/n.sh ', '')), order(theirs), `${kind} in order`);
      ours.forEach(({ atSec, text: one }, n) => {
        if (theirs[n] !== undefined) t.ok(Math.abs(atSec + startSec - theirs[n]!.atSec) <= delayLoopSec, `${kind} ${one.slice(0, 60)} at ${atSec + startSec}, recorded ${theirs[n]!.atSec}`);
      });
    }
    const mails = join(folder, `${name}.mail`);
    if (existsSync(mails)) {
      const theirs = readFileSync(mails, 'utf8').split('\n').map((line) => ({ atSec: Number.parseFloat(line), text: /Subject: \[LAB\] (.*?)\\r\\n/.exec(line)?.[1] ?? '' })).filter(({ text }) => text !== '');
      t.same(grouped(world.lines.filter(({ kind }) => kind === 'MAIL')), grouped(theirs), 'mails, by their subjects');
    }
    t.same(world.problems, []);
  });
}

function grouped(lines: readonly { atSec: number; text: string }[]): string[] {
  const groups: { atSec: number; texts: string[] }[] = [];
  for (const { atSec, text } of lines) {
    const last = groups.at(-1);
    if (last !== undefined && atSec - last.atSec < 0.1) last.texts.push(text.replace('/tmp/n.sh ', ''));
    else groups.push({ atSec, texts: [text.replace('/tmp/n.sh ', '')] });
  }
  return groups.flatMap(({ texts }) => texts.sort());
}

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
