import t from 'tap';
import { formatAddress, hostWords, parseAddress, parsePrefix, portsWord, prefixMask, swap16, swap32 } from '../../lib/wire/address.ts';

const roundTrip = (text: string): string | null => {
  const parsed = parseAddress(text);
  if (parsed === null) return null;
  const [w0, w1, w2, w3] = parsed.words as unknown as [number, number, number, number];
  return formatAddress(parsed.family, w0, w1, w2, w3);
};

t.test('addresses come back in their canonical text', async (t) => {
  const cases: readonly [string, string][] = [
    ['192.0.2.10', '192.0.2.10'], ['255.255.255.255', '255.255.255.255'], ['0.0.0.0', '0.0.0.0'],
    ['2001:DB8::10', '2001:db8::10'], ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'], ['::', '::'], ['::1', '::1'], ['1::', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'], ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ];
  for (const [text, canonical] of cases) t.equal(roundTrip(text), canonical, text);
});

t.test('what is no address is refused', async (t) => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', ':', ':::', '1:2', '1::2::3', '12345::', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', 'g::', '::1.2.3']) {
    t.equal(parseAddress(text), null, JSON.stringify(text));
  }
});

t.test('raw words are what little-endian loads of the bytes give, host words are numbers', async (t) => {
  const { words } = parseAddress('192.0.2.10')!;
  t.equal(words[0], 0x0a0200c0);
  t.same([...hostWords(4, words[0]!, 0, 0, 0)], [0, 0, 0, 0xc000020a | 0]);
  t.equal(hostWords(6, ...([...parseAddress('2001:db8::1')!.words] as [number, number, number, number]))[3], 1);
  t.equal(swap32(0x01020304), 0x04030201);
  t.equal(swap16(0x1234), 0x3412);
  t.equal(portsWord(1, 2), 0x02000100);
});

t.test('a prefix keeps only its own bits', async (t) => {
  const prefix = parsePrefix('192.0.2.77/24')!;
  t.equal(formatAddress(4, prefix.words[0]!, 0, 0, 0), '192.0.2.0');
  t.equal(prefix.length, 24);
  t.equal(parsePrefix('192.0.2.77')!.length, 32);
  t.equal(parsePrefix('::/0')!.words.every((word) => word === 0), true);
  t.equal(formatAddress(6, ...([...parsePrefix('2001:db8:ff:ff::1/33')!.words] as [number, number, number, number])), '2001:db8::');
  t.equal(formatAddress(4, prefixMask(4, 9)[0]!, 0, 0, 0), '255.128.0.0');
  for (const text of ['192.0.2.0/33', '::/129', '192.0.2.0/', '192.0.2.0/x', '/8']) t.equal(parsePrefix(text), null, text);
});
