/**
 * What keepalived 2.2.7 did to the kernel's table, its FIFO and its scripts while servers came and went (recorded/keepalived): ours does the
 * same in the same order, each within one delay loop of the recorded moment.
 */
import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readKeepalived } from '../../lib/config/keepalived/read-keepalived.ts';
import { memoryHost } from '../../lib/config/config-host.ts';
import { failed, PASSED, type ProbeOutcome, type ProbeTarget } from '../../lib/health/checker.ts';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { HealthWorld, sortedRules, type Line } from './health-world.ts';

const RECORDED = join(projectRoot(), 'test/health/recorded/keepalived');
/** keepalived starts its first checks one second after the start. */
const BOOTSTRAP_SEC = 1;

/** What the lines "## ..." of a recording change. */
class RealServers {
  readonly down = new Set<string>();
  exit = 0;
  hangs = false;
  body = 'hello\n';
  status = 200;

  hear(event: string): void {
    const [, server, state] = /^server (\d) (up|down)$/.exec(event) ?? [];
    if (state === 'down') this.down.add(`10.1.0.${server}`);
    if (state === 'up') this.down.delete(`10.1.0.${server}`);
    const [, exit] = /^script exit (\d+)$/.exec(event) ?? [];
    if (exit !== undefined) this.exit = Number(exit);
    if (event === 'script hangs') this.hangs = true;
    if (event === 'rs1 body changes') this.body = 'bye';
    if (event === 'rs1 body back') this.body = 'hello\n';
    // The recording script takes the 404 away 14 s later, without a line; "rs2 302" stays.
    const [, status] = /^rs2 (\d+)$/.exec(event) ?? [];
    if (status !== undefined) this.status = Number(status);
  }

  async probe(world: HealthWorld, { check, timing }: HealthCheck, { address }: ProbeTarget, step: number): Promise<ProbeOutcome> {
    if (this.down.has(address)) return failed('connection refused');
    if (check.kind === 'exec') {
      if (this.hangs) return new Promise((resolve) => world.clock.after(timing.timeoutSec * 1000, () => resolve(failed('no answer'))));
      return this.exit === 1 ? failed('exit 1') : this.exit === 0 ? PASSED : { ok: true, error: '', weight: this.exit - 2 };
    }
    if (check.kind === 'http') {
      if (address === '10.1.0.2') return this.status === 200 ? PASSED : failed(`status ${this.status}`);
      return step === 0 && this.body !== 'hello\n' ? failed('digest') : PASSED;
    }
    if (check.kind === 'dns' || check.kind === 'udp') return address === '10.1.0.1' ? PASSED : failed('port unreachable');
    return PASSED;
  }
}

for (const [name, delayLoopSec, unlogged] of [
  ['A', 5, []], ['B', 4, []], ['C', 2, []], ['D', 4, [[248.2, 'rs2 200']]], ['E', 4, []],
] as const) {
  t.test(`scenario ${name}: same table states and notifications, in the same order, within one delay loop`, async (t) => {
    const recording = readFileSync(join(RECORDED, `${name}.log`), 'utf8').split('\n').filter((line) => /^\d/.test(line)).map((line) => {
      const [at, ...words] = line.split(' ');
      return { atSec: Number(at), text: words.join(' ') };
    });
    const startSec = recording.find(({ text }) => text.startsWith('## start'))!.atSec + BOOTSTRAP_SEC;
    const servers = new RealServers();
    // Warm-ups as spread as the recorded ones.
    let drawn = 0;
    const random = (): number => [0.55, 0.6, 0.8][drawn++ % 3]!;
    const world: HealthWorld = new HealthWorld((check, target, step) => servers.probe(world, check, target, step), { random });
    const text = readFileSync(join(RECORDED, `${name}.conf`), 'utf8');
    await world.health.use(readKeepalived('keepalived.conf', memoryHost({ 'keepalived.conf': text })), 'keepalived.conf');
    const events = [...recording.filter(({ text: one }) => one.startsWith('## ')), ...unlogged.map(([atSec, one]) => ({ atSec, text: `## ${one}` }))].sort((a, b) => a.atSec - b.atSec);
    for (const { atSec, text: event } of events) {
      if (atSec > startSec) await world.advance(atSec - startSec - world.sec);
      if (event.startsWith('## TERM')) world.health.close();
      else servers.hear(event.slice(3));
    }
    const end = recording.findIndex(({ text: one }) => one.startsWith('IPVS-after-stop'));
    const stream = (kind: Line['kind'], lines: readonly { atSec: number; text: string }[]): { atSec: number; text: string }[] =>
      lines.filter(({ text: one }) => one.startsWith(`${kind} `)).map(({ atSec, text: one }) => ({ atSec, text: kind === 'IPVS' ? sortedRules(one.slice(5)) : one.slice(kind.length + 1) }));
    for (const kind of ['FIFO', 'SCRIPT', 'IPVS'] as const) {
      const theirs = stream(kind, kind === 'IPVS' ? recording.slice(0, end) : recording);
      const ours = world.lines.filter((line) => line.kind === kind);
      // Scripts run beside each other: those that start within a tenth of a second may log in any order.
      const order = kind === 'SCRIPT' ? grouped : (lines: readonly { atSec: number; text: string }[]) => lines.map(({ text: one }) => one);
      t.same(order(ours).map((one) => one.replace('/tmp/n.sh ', '')), order(theirs), `${kind} in order`);
      ours.forEach(({ atSec, text: one }, n) => {
        if (theirs[n] !== undefined) t.ok(Math.abs(atSec + startSec - theirs[n]!.atSec) <= delayLoopSec, `${kind} ${one.slice(0, 60)} at ${atSec + startSec}, recorded ${theirs[n]!.atSec}`);
      });
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
