import t from 'tap';
import { counterText } from '../../../cli/render/counter.ts';

t.test('counters are shortened at the limits of ipvsadm, cutting off', async (t) => {
  const cases: [number | bigint, string][] = [
    [0, '        0'], [99_999_999, ' 99999999'], [100_000_000, '  100000K'], [999_999_999, '  999999K'], [10 ** 9, '    1000M'], [10 ** 11 - 1, '   99999M'],
    [10 ** 11, '     100G'], [10 ** 14 - 1, '   99999G'], [10 ** 14, '     100T'], [2n ** 64n - 1n, '18446744T'],
  ];
  for (const [value, text] of cases) t.equal(counterText(value, false), text);
});

t.test('exact counters keep every digit', async (t) => {
  t.equal(counterText(7, true), '        7');
  t.equal(counterText(2n ** 64n - 1n, true), ' 18446744073709551615');
});
