import fc from 'fast-check';
import t from 'tap';
import { leadingNumber, readIpv4, readNumber } from '../../../lib/config/ipvsadm/values.ts';

t.test('numbers are decimal, with blanks and a sign before them and nothing after', async (t) => {
  const cases: [string, number | null][] = [['5', 5], ['010', 10], ['+7', 7], [' 8', 8], ['0', 0], ['', null], ['0x10', null], ['5x', null], ['5 ', null], ['1.5', null], ['-1', null], ['101', null], ['99999999999999999999', null]];
  for (const [text, value] of cases) t.equal(readNumber(text, 0, 100), value, JSON.stringify(text));
  t.ok(Object.is(readNumber('-0', 0, 100), 0), '-0 is 0');
});

t.test('an IPv6 mask is what its text begins with', async (t) => {
  const cases: [string, number][] = [['64', 64], ['64x', 64], ['255.255.255.0', 255], ['abc', 0], ['-1', -1], ['', 0]];
  for (const [text, value] of cases) t.equal(leadingNumber(text), value, JSON.stringify(text));
});

t.test('IPv4 is read as inet_aton() reads it', async (t) => {
  const cases: [string, string | null][] = [
    ['192.0.2.10', '192.0.2.10'], ['1.2.3', '1.2.0.3'], ['1.2', '1.0.0.2'], ['10', '0.0.0.10'], ['010.1.1.1', '8.1.1.1'], ['0x0a000001', '10.0.0.1'], ['0300.0.2.8', '192.0.2.8'],
    ['192.0x20001', '192.2.0.1'], ['4294967295', '255.255.255.255'], ['192.0.2.10 x', '192.0.2.10'], ['0', '0.0.0.0'],
    ['256.1.1.1', null], ['1.2.3.4.5', null], ['1..2', null], ['1.2.3.4.', null], ['09.1.1.1', null], ['4294967296', null], ['1.16777216', null], ['192.0.131073', null], ['', null], ['a', null], [' 1.2.3.4', null],
  ];
  for (const [text, address] of cases) t.equal(readIpv4(text), address, JSON.stringify(text));
});

t.test('every number is the same address in every spelling', async (t) => {
  fc.assert(fc.property(fc.nat(0xffffffff), (number) => {
    const quad = [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256);
    const text = quad.join('.');
    return [String(number), `0x${number.toString(16)}`, `0${number.toString(8)}`, quad.map((byte) => `0x${byte.toString(16)}`).join('.')].every((spelling) => readIpv4(spelling) === text);
  }));
});
