import t from 'tap';
import { HashIndex } from '../../lib/structures/hash-index.ts';
import { hashWords } from '../../lib/structures/seeded-hash.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const RECORDS = 40_000;

function filled(): { records: Int32Array; index: HashIndex; hash: (record: number) => number; find: (record: number) => number } {
  const records = new Int32Array(RECORDS * 16);
  const random = new SeededRandom(3);
  for (let record = 0; record < RECORDS; record++) {
    for (let word = 0; word < 3; word++) records[record * 16 + word] = random.below(0x100000000) | 0;
    records[record * 16 + 3] = 6;
  }
  const index = new HashIndex(records, 16);
  const words = (record: number): [number, number, number, number] => [records[record * 16]!, records[record * 16 + 1]!, records[record * 16 + 2]!, records[record * 16 + 3]!];
  const hash = (record: number): number => hashWords(42, ...words(record));
  return { records, index, hash, find: (record) => index.lookup(hash(record), ...words(record)) };
}

t.test('growth under load loses nothing, and no step carries more than a few slots', async (t) => {
  const { index, hash, find } = filled();
  let largestStep = 0;
  for (let record = 0; record < RECORDS; record++) {
    const pendingBefore = index.pendingSlots;
    index.insert(hash(record), record);
    if (pendingBefore > 0) largestStep = Math.max(largestStep, pendingBefore - index.pendingSlots);
    if (record % 997 === 0) for (let each = 0; each <= record; each += 101) if (find(each) !== each) t.fail(`record ${each} lost at ${record}`);
  }
  for (let record = 0; record < RECORDS; record++) if (find(record) !== record) t.fail(`record ${record} lost`);
  t.equal(index.count, RECORDS);
  t.ok(largestStep <= 8, `largest step ${largestStep}`);
  t.ok(index.capacity >= 2 * RECORDS, 'at most half full');
});

t.test('a random mix of insertions and removals, growth included, leaves exactly what was not removed', async (t) => {
  const { index, hash, find } = filled();
  const random = new SeededRandom(5);
  const present = new Set<number>();
  for (let step = 0; step < 120_000; step++) {
    const record = random.below(RECORDS);
    if (present.has(record)) {
      if (!index.remove(hash(record), record)) t.fail(`record ${record} could not be removed`);
      present.delete(record);
    } else if (random.chance(0.7)) {
      index.insert(hash(record), record);
      present.add(record);
    }
    if (random.chance(0.1)) index.migrate(3);
  }
  for (let record = 0; record < RECORDS; record++) if (find(record) !== (present.has(record) ? record : -1)) t.fail(`record ${record}`);
  t.equal(index.count, present.size);
});

t.test('of two records with one key the later is found, and the earlier again when that is gone', async (t) => {
  const records = new Int32Array(4 * 16);
  for (const record of [0, 1, 2]) records.set([1, 2, 3, 4], record * 16);
  const index = new HashIndex(records, 16);
  for (const record of [0, 1, 2]) index.insert(77, record);
  t.equal(index.lookup(77, 1, 2, 3, 4), 2);
  index.remove(77, 2);
  t.equal(index.lookup(77, 1, 2, 3, 4), 1);
  index.remove(77, 0);
  t.equal(index.lookup(77, 1, 2, 3, 4), 1);
  t.equal(index.remove(77, 0), false);
});

t.test('looking up many at once leads to the record that a lookup finds, or to one whose hash is the same', async (t) => {
  const { index, hash, find } = filled();
  for (let record = 0; record < RECORDS; record += 2) index.insert(hash(record), record);
  while (index.pendingSlots > 0) index.migrate(1024);
  const many = Int32Array.from({ length: RECORDS }, (_, record) => hash(record));
  const version = index.version;
  index.touch(many, many.length);
  index.find(many, many.length);
  for (const [record, found] of many.entries()) {
    const same = found >= 0 && hash(found) === hash(record);
    if (find(record) >= 0 ? !same : found >= 0 && !same) t.fail(`record ${record}: ${found}`);
  }
  t.equal(index.version, version);
  index.insert(hash(1), 1);
  index.remove(hash(1), 1);
  t.equal(index.version, version + 2, 'insertions and removals are told');
});

t.test('large tables lie in memory that was asked for, and each is given back once, when the next has taken over', async (t) => {
  const count = 300_000;
  const records = new Int32Array(count * 16);
  for (let record = 0; record < count; record++) records[record * 16] = record + 1;
  const held = new Set<number>();
  let asked = 0;
  const index = new HashIndex(records, 16, (bytes) => {
    const id = ++asked;
    held.add(id);
    return { buffer: new ArrayBuffer(bytes), release: () => { t.ok(held.delete(id), `table ${id} of ${bytes} bytes`); } };
  });
  for (let record = 0; record < count; record++) index.insert(hashWords(7, record + 1, 0, 0, 0), record);
  while (index.pendingSlots > 0) index.migrate(65536);
  t.equal(asked, 3, '2, 4 and 8 MiB');
  t.same([...held], [3]);
  for (let record = 0; record < count; record += 97) if (index.lookup(hashWords(7, record + 1, 0, 0, 0), record + 1, 0, 0, 0) !== record) t.fail(`record ${record} lost`);
});

t.test('a table with room for every record there is asks for no memory for a larger one', async (t) => {
  const count = 1 << 18;
  const records = new Int32Array(count * 16);
  for (let record = 0; record < count; record++) records[record * 16] = record + 1;
  const asked: number[] = [];
  const index = new HashIndex(records, 16, (bytes) => {
    asked.push(bytes);
    return { buffer: new ArrayBuffer(bytes), release: () => {} };
  });
  for (let record = 0; record < count; record++) index.insert(hashWords(7, record + 1, 0, 0, 0), record);
  t.same(asked, [2 << 20, 4 << 20], 'the last holds two slots a record');
});

t.test('the next table is announced whole, long before it takes over, from memory mapped at the start; each is given back once', async (t) => {
  const records = new Int32Array(RECORDS * 16);
  const mapped: { bytes: number; released: number }[] = [];
  const allocate = (bytes: number): { buffer: ArrayBuffer; release(): void } => {
    const one = { bytes, released: 0 };
    mapped.push(one);
    return { buffer: new ArrayBuffer(bytes), release: () => void one.released++ };
  };
  const announced: { bytes: number; begin: number; end: number; load: number }[] = [];
  const sharing = { publish: () => {}, after: (callback: () => void) => callback() };
  const index = new HashIndex(records, 1024, allocate, sharing, (words, begin, end) => announced.push({ bytes: words.byteLength, begin, end: end * 4, load: index.count / index.capacity }));
  const sizes = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072].map((slots) => slots * 8);
  t.same(mapped.map(({ bytes }) => bytes), sizes);
  for (let record = 0; record < RECORDS; record++) {
    records.set([record, 0, 0, 6], record * 16);
    index.insert(hashWords(42, record, 0, 0, 6), record);
  }
  t.equal(mapped.length, sizes.length, 'nothing is mapped on the way');
  t.same(announced.map(({ bytes, begin, end }) => [bytes, begin, end]), sizes.slice(1).map((bytes) => [bytes, 0, bytes]));
  for (const { load, bytes } of announced) t.ok(load > 0.3125 && load < 0.32, `table of ${bytes} bytes announced at ${load}`);
  index.migrate(sizes.at(-1)!);
  // The one it begins with stays.
  t.same(mapped.map(({ released }) => released), sizes.map((_, i) => (i > 0 && i < sizes.length - 1 ? 1 : 0)));
});
