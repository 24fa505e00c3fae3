/** The terminal's view: fits the terminal, says who is best, and is plain where it must be. */
import t from 'tap';
import stringWidth from 'string-width';
import { progress } from '../../../lib/laboratory/report/progress.ts';
import { bar, sparkline } from '../../../lib/laboratory/report/sparkline.ts';
import { terminalView } from '../../../lib/laboratory/report/terminal-view.ts';
import { hostileResult, madeResult, TWENTY } from './made-results.ts';

const RESULTS = [madeResult(), madeResult({ name: 'thousand', servers: 1000, schedulers: TWENTY, equal: true }), hostileResult(), madeResult({ name: '广域'.repeat(30), title: '负载均衡'.repeat(40), schedulers: ['调度器调度器调度器调度器调度器调度器', 'wlc'] })];

t.test('no line is wider than the terminal, whatever the names and the width', async (t) => {
  for (const columns of [1, 7, 20, 33, 40, 59, 80, 100, 132, 250]) {
    for (const colour of [false, true]) {
      for (const results of [RESULTS, ...RESULTS.map((one) => [one])]) {
        const wide = terminalView(results, { columns, colour }).split('\n').filter((line) => stringWidth(line) > columns);
        t.same(wide, [], `${columns} columns${colour ? ', colour' : ''}`);
      }
    }
  }
});

t.test('every scheduler has its line, best first, with the value that the result has', async (t) => {
  const result = madeResult({ schedulers: TWENTY });
  const lines = terminalView([result], { columns: 100, colour: false }).split('\n');
  const found = lines.flatMap((line) => /^ *(\d+) (\S+?)\*? +([\d.,]+) /.exec(line)?.slice(1) === undefined ? [] : [/^ *(\d+) (\S+?)\*? +([\d.,]+) /.exec(line)!.slice(1)]);
  t.same(found.map(([rank, name]) => [Number(rank), name]), result.ranking.rows.map(({ scheduler }, index) => [index + 1, scheduler]));
  for (const [index, { value }] of result.ranking.rows.entries()) t.ok(Math.abs(Number(found[index]![2]!.replace(',', '')) / value - 1) < 0.006, `${found[index]![1]}: ${found[index]![2]} is ${value}`);
});

t.test('finding, command and seed are said in full', async (t) => {
  const result = madeResult();
  const text = terminalView([result], { columns: 70, colour: false }).replace(/\s+/g, ' ');
  t.ok(text.includes(result.finding));
  t.ok(text.includes(result.command));
  t.ok(text.includes('seed 1'));
});

t.test('without colour there is no escape code, and none comes from names', async (t) => {
  for (const colour of [false, true]) {
    const text = terminalView([hostileResult()], { columns: 80, colour });
    t.equal(/\u001b\[31m/.test(text), false, 'the name does not set a colour');
    t.equal(text.includes('\u001b'), colour);
    t.notMatch(text, /\r/);
  }
  t.ok(terminalView([madeResult()], { columns: 80, colour: false, ascii: true }).split('').every((character) => character.charCodeAt(0) < 127), 'ASCII where asked for');
});

t.test('several scenarios begin with one line each', async (t) => {
  const results = [madeResult(), madeResult({ name: 'other-scenario', seed: 4 })];
  const lines = terminalView(results, { columns: 100, colour: false }).split('\n');
  t.equal(lines[0], '2 scenarios');
  t.match(lines[2], new RegExp(`^unequal-servers +${results[0]!.ranking.rows[0]!.scheduler} .* p99 response time`));
  t.match(lines[3], /^other-scenario +/);
});

t.test('bars and sparklines show size', async (t) => {
  t.equal(bar(0, 10), '');
  t.equal(bar(1e-9, 10), '▏', 'more than nothing is seen');
  t.equal(bar(1, 3), '███');
  t.equal(bar(0.5, 3), '█▌');
  t.equal(bar(7, 3), '███', 'never longer than its room');
  t.equal(bar(0.5, 4, true), '##');
  t.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, 8), '▁▂▃▄▅▆▇██');
  t.equal(sparkline([0, 9, 0, 0], 2, 9), '█▁', 'a peak between two cells is not lost');
  t.equal(sparkline([], 5, 1), '');
  t.equal(sparkline([0, 0], 2, 0), '▁▁');
});

t.test('the progress bar is for terminals only, is not faster than the eye, and goes away', async (t) => {
  const written: string[] = [];
  const stream = (isTTY: boolean): { isTTY: boolean; columns: number; write: (text: string) => number } => ({ isTTY, columns: 50, write: (text) => written.push(text) });
  const silent = progress(stream(false), () => 0);
  silent.update(0.5, 'rr');
  silent.done();
  t.same(written, []);

  let now = 0;
  const shown = progress(stream(true), () => now);
  shown.update(0.25, `rr \u001b[2J${'long '.repeat(30)}`);
  shown.update(0.3, 'too soon');
  now = 150;
  shown.update(0.5, 'wlc');
  shown.done();
  t.equal(written.length, 3);
  t.match(written[1], /^\r\u001b\[2K█{12}·{12} {2}50 % {2}wlc$/);
  t.equal(written[2], '\r\u001b[2K');
  t.ok(stringWidth(written[0]!.slice(5)) < 50, 'the last column stays free');
  t.equal(written[0]!.lastIndexOf('\u001b'), 1, 'no code of the text');

  progress({ isTTY: true, columns: 0, write: (text) => written.push(text) }, () => 0).update(0.5, 'a terminal without a size');
  t.match(written.at(-1), /a terminal without a size/);
});
