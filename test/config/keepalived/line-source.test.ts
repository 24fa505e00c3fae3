import t from 'tap';
import { memoryHost, type ConfigHost } from '../../../lib/config/config-host.ts';
import { Diagnostics } from '../../../lib/config/diagnostics.ts';
import { LineSource } from '../../../lib/config/keepalived/line-source.ts';
import { GlibcRandom } from '../../../lib/config/keepalived/glibc-random.ts';
import { commandWords, decomment, words } from '../../../lib/config/keepalived/text.ts';

function lines(files: Readonly<Record<string, string>>, changes: Partial<ConfigHost> = {}): string[] {
  const source = new LineSource('/etc/k.conf', memoryHost(files, changes), new Diagnostics());
  const found: string[] = [];
  for (let line = source.next(); line !== null && found.length < 1000; line = source.next()) found.push(line.words.join('|'));
  return found;
}

const text = (body: string, changes: Partial<ConfigHost> = {}): string[] => lines({ '/etc/k.conf': body }, changes);

t.test('comments end a line outside quotes', async (t) => {
  t.same(['a ! b', '  a # b', 'a "# b" c # d', 'a \\# b', '# all'].map((line) => decomment(line).text), ['a', 'a', 'a "# b" c', 'a # b', '']);
  t.equal(decomment('# gone \\').text, '\\');
});

t.test('quotes keep blanks together', async (t) => {
  t.same(words('a "b c"d "" e'), ['a', 'b c', 'd', '', 'e']);
  t.same(commandWords(`/bin/x 'a b' "c \\" d" e\\ f`), ['/bin/x', 'a b', 'c " d', 'e f']);
});

t.test('braces become lines of their own', async (t) => t.same(text('a b { c "{" } d\n}'), ['a|b', '{', 'c|{', '}', 'd', '}']));

t.test('parameters are replaced late and in each other', async (t) => {
  t.same(text('$A=${B}x\n$B=1\nw $A ${A}y $C'), ['w|1x|1xy|$C']);
  t.same(text('$B=1\n$D =2\nw 10.0.0.$B $B.5 $B,$B) ${B }', {}), ['$D|=2', 'w|10.0.0.1|$B.5|1,1)|1'], 'a name ends at a blank, a comma, a parenthesis or the line; nothing stands before =');
  t.same(text('$H=${_HASH}\n$H gone\n$H=\n$H here'), ['here']);
  t.same(text('w ${_PWD} ${_INSTANCE}', { instance: 'i' }), ['w|/etc|i']);
});

t.test('a multi-line definition is one at the end of a line only', async (t) => {
  t.same(text('$V= \\\n a ${N} \\\n# comment \\\n b\n$N=5\nx $V'), ['x|a|5', 'b']);
  t.same(text('$V=a \\\n b\nx $V y\nx ${V} y'), ['x|$V|y', 'x|$', '{', 'V', '}', 'y']);
  t.same(text('$V=a \\\n# a comment does not end it\n   \n b \\\n\nc $V'), ['c|a', 'b']);
});

t.test('sequences and lists are unrolled', async (t) => {
  t.same(text('$R=s ${I}\n~SEQ(I,1,3) $R'), ['s|1', 's|2', 's|3']);
  t.same(text('~SEQ(I,0,2,4) ~SEQx(J,9,10) ${I}$J'), ['09', '0a', '29', '2a', '49', '4a']);
  t.same(text('~LST({A,B},{1,x},{2,y}) ${A}${B}'), ['1x', '2y']);
  t.same(text('~SEQ(I,2) i${I}'), ['i1', 'i2']);
  t.same(text('~SEQ(I,-2) i${I}\n~SEQ(I,010,011) o${I}\n~SEQ(I,3,1,1) no'), ['i-1', 'i-2', 'o8', 'o9']);
});

t.test('conditions are for the configuration id', async (t) => {
  t.same(text('@low a\n@high b\n@^low c\n@^high d', { configId: 'low' }), ['a', 'd']);
  t.same(text('@low a\n@^low c'), ['c']);
});

t.test('includes are read where they stand, relative to their file', async (t) => {
  t.same(lines({ '/etc/k.conf': 'a\ninclude c/*.conf\nd', '/etc/c/1.conf': 'b1\ninclude 3', '/etc/c/3': 'b3', '/etc/c/2.conf': 'b2' }), ['a', 'b1', 'b3', 'b2', 'd']);
});

t.test('what contains itself ends', async (t) => {
  t.ok(text('$A=$A\nw $A\nx').includes('x'));
  t.ok(text('$A= \\\n b $A \\\n c\nw $A').length <= 1000);
  t.ok(lines({ '/etc/k.conf': 'include k.conf\na' }).length <= 1000);
});

t.test('random numbers are those of the C library', async (t) => {
  const random = new GlibcRandom(1);
  t.same([random.next(), random.next(), random.next()], [1804289383, 846930886, 1681692777]);
});
