import t from 'tap';
import { PIECE, PopulateAhead } from '../../lib/structures/populate-ahead.ts';

const CAPACITY = 40 * PIECE;

interface Asked { readonly words: Int32Array; readonly begin: number; readonly end: number }

function ahead(capacity = CAPACITY): { asked: Asked[]; wide: Int32Array; narrow: Int32Array; one: PopulateAhead } {
  const asked: Asked[] = [];
  const wide = new Int32Array(capacity * 8), narrow = new Int32Array(capacity);
  return { asked, wide, narrow, one: new PopulateAhead(capacity, [wide, narrow], (words, begin, end) => asked.push({ words, begin, end })) };
}

t.test('every entry is asked for once, in order and before it is used, in all arrays', async (t) => {
  const { asked, wide, narrow, one } = ahead();
  one.use(0);
  for (let entry = 0; entry < CAPACITY; entry++) {
    if (entry >= one.at) one.use(entry);
    if (asked.at(-1)!.end <= entry) t.fail(`entry ${entry} is used, asked for is only what lies below ${asked.at(-1)!.end}`);
  }
  for (const [words, perEntry] of [[wide, 8], [narrow, 1]] as const) {
    const own = asked.filter((each) => each.words === words);
    own.forEach(({ begin }, i) => t.equal(begin, i === 0 ? 0 : own[i - 1]!.end));
    t.equal(own.at(-1)!.end, CAPACITY * perEntry);
  }
});

t.test('nothing is asked for that is far from use: twice what is used, at most two and a quarter pieces more, to the end of a piece', async (t) => {
  const { asked, narrow, one } = ahead();
  one.use(0);
  const end = (): number => asked.filter(({ words }) => words === narrow).at(-1)!.end;
  t.equal(end(), PIECE);
  for (let entry = 0; entry < CAPACITY; entry++) {
    if (entry >= one.at) one.use(entry);
    if (end() > Math.min(2 * entry, entry + 2.25 * PIECE) + PIECE) t.fail(`entry ${entry}: ${end()} asked for`);
  }
});

t.test('a small table is one piece, of its own size', async (t) => {
  const { asked, one } = ahead(100);
  one.use(0);
  t.same(asked.map(({ begin, end }) => [begin, end]), [[0, 800], [0, 100]]);
  t.equal(one.at, 100, 'nothing is left to ask for');
});

t.test('entries that went without are not made up for', async (t) => {
  const { asked, narrow, one } = ahead();
  one.use(10 * PIECE + 5);
  t.same(asked.filter(({ words }) => words === narrow).map(({ begin, end }) => [begin, end]), [[10 * PIECE, 13 * PIECE]]);
});

t.test('without anybody to do it nothing is ever called for', async (t) => {
  const one = new PopulateAhead(PIECE, [new Int32Array(PIECE)], null);
  t.equal(one.at, PIECE);
});
