import t from 'tap';
import { OptionScanner, OptionTable, type ScanStep } from '../../../lib/config/ipvsadm/popt.ts';

const TABLE = new OptionTable<string>([
  { long: 'list', short: 'L', argument: 'none', tag: 'list' },
  { long: 'numeric', short: 'n', argument: 'none', tag: 'numeric' },
  { long: 'weight', short: 'w', argument: 'required', tag: 'weight' },
  { long: 'persistent', short: 'p', argument: 'optional', tag: 'persistent' },
]);

function scan(...words: string[]): { steps: unknown[]; leftovers: string[]; word: string } {
  const scanner = new OptionScanner(TABLE, words);
  const steps: unknown[] = [];
  for (;;) {
    const step: ScanStep<string> = scanner.next();
    if ('end' in step) break;
    steps.push('problem' in step ? step.problem : step.argument === null ? step.tag : `${step.tag}=${step.argument}`);
    if ('problem' in step) break;
  }
  return { steps, leftovers: scanner.leftovers, word: scanner.word };
}

t.test('short options bundle, and a value may be glued, joined by = or apart', async (t) => {
  t.same(scan('-Ln').steps, ['list', 'numeric']);
  for (const words of [['-Lw', '5'], ['-Lw5'], ['-Lw=5']]) t.same(scan(...words).steps, ['list', 'weight=5']);
  t.same(scan('--weight', '5', '--weight=6', '--weight=').steps, ['weight=5', 'weight=6', 'weight=']);
});

t.test('a required value may look like an option, an optional one may not', async (t) => {
  t.same(scan('-w', '-n').steps, ['weight=-n']);
  t.same(scan('-p', '-n').steps, ['persistent', 'numeric']);
  t.same(scan('-p', '600', '-p').steps, ['persistent=600', 'persistent']);
});

t.test('words that are no options are left over, wherever they stand', async (t) => {
  t.same(scan('a', '-L', 'b', '-', '--', '-n', '--x').leftovers, ['a', 'b', '-', '-n', '--x']);
});

t.test('problems name the whole word', async (t) => {
  const cases: [string[], string, string][] = [
    [['-Lnq', 'x'], 'unknown option', '-Lnq'],
    [['--li'], 'unknown option', '--li'],
    [['-Lw'], 'missing argument', '-Lw'],
    [['--weight'], 'missing argument', '--weight'],
    [['--numeric=1'], 'option does not take an argument', '--numeric=1'],
  ];
  for (const [words, problem, word] of cases) {
    const result = scan(...words);
    t.equal(result.steps.at(-1), problem, words.join(' '));
    t.equal(result.word, word);
  }
});
