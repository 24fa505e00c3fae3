/** Readers never throw, whatever they are given. */
import t from 'tap';
import fc from 'fast-check';
import { memoryHost } from '../../lib/config/config-host.ts';
import { CONFIG_FORMATS, detectFormat } from '../../lib/config/detect.ts';
import { readConfiguration } from '../../lib/config/read-configuration.ts';
import { desiredTable } from '../../lib/control/desired-table.ts';
import { recordedFiles, recordedText, type Program } from './recorded.ts';

const samples = (['keepalived', 'ldirectord', 'piranha', 'haproxy'] as Program[]).flatMap((program) => Object.values(recordedFiles(program)).map((text) => text.slice(0, 6000)));
const asked = ['keepalived', 'ldirectord', 'haproxy'].flatMap((program) => (JSON.parse(recordedText(`${program}/asked.json`)) as { readonly text: string }[]).map(({ text }) => text));
const OPTIONS = { wildcardAddress: '192.0.2.1' };

async function readEverywhere(text: string): Promise<void> {
  for (const from of CONFIG_FORMATS) {
    const configuration = await readConfiguration(['f'], memoryHost({ f: text }), { ...OPTIONS, from });
    desiredTable(configuration, 'start');
    desiredTable(configuration, 'healthy');
  }
  detectFormat('f', text);
}

t.test('random text', async (t) => {
  await fc.assert(fc.asyncProperty(fc.string({ maxLength: 300, unit: 'binary' }), readEverywhere), { numRuns: 60 });
  t.pass();
});

t.test('words of the formats in any order', async (t) => {
  const word = fc.constantFrom('virtual_server', 'real_server', '10.0.0.1', '80', '{', '}', '\n', '\t', 'fwmark', 'group', 'A', '$A=', '$A', '${A', '~SEQ(A,1,3)', '~LST({A,B},{1})', '@x', '"', '\\', '\\\n', 'HTTP_GET', 'url', 'path', 'SMTP_CHECK', 'host', 'virtual=', 'real=', 'gate', 'server', 'listen', 'bind', ':80', 'balance', 'services:', '- ', 'listen:', 'include', '-A', '-t', 'weight', '-1', '99999999999999999999');
  await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 60 }).map((list) => list.join(' ')), readEverywhere), { numRuns: 120 });
  t.pass();
});

t.test('real files with pieces cut out, doubled and swapped', async (t) => {
  const cut = fc.tuple(fc.nat(samples.length - 1), fc.nat(6000), fc.nat(6000), fc.nat(2)).map(([n, a, b, how]) => {
    const text = samples[n]!;
    const [low, high] = a < b ? [a, b] : [b, a];
    return how === 0 ? text.slice(0, low) + text.slice(high) : how === 1 ? text.slice(0, high) + text.slice(low) : text.slice(high) + text.slice(0, low);
  });
  await fc.assert(fc.asyncProperty(cut, readEverywhere), { numRuns: 40 });
  t.pass();
});

t.test('difficult files with pieces of syntax put in', async (t) => {
  const piece = fc.constantFrom('{', '}', '"', "'", '\\', '\n', '\t', '\r', '#', '!', '$', '${', '}', '@x ', '~SEQ(', '~LST(', '=', '->', ':', '[', ']', '-', '/', '99999999999999999999', '\0', '\u2028', '\ufeff', '$A=\\\n', 'include *\n', '.if ', '.endif\n', '%[', ',', '${_RANDOM 9 1}', '10.0.0.0/0', '1-1', 'constructor', '__proto__');
  const mutated = fc.tuple(fc.constantFrom(...samples, ...asked), fc.array(fc.tuple(fc.nat(6000), fc.nat(30), piece), { minLength: 1, maxLength: 6 }))
    .map(([text, changes]) => changes.reduce((result, [at, cut, put]) => result.slice(0, at % (result.length + 1)) + put + result.slice((at % (result.length + 1)) + cut), text));
  await fc.assert(fc.asyncProperty(mutated, readEverywhere), { numRuns: 60 });
  t.pass();
});

t.test('a file that includes itself, also by a pattern and from a definition of several lines, ends at once', async (t) => {
  const text = '$B= \\\n include *\n real_server 10.0.0.1 80 { \\\n }\n~SEQ(X, 1, 9) $B\ninclude *\n';
  const { diagnostics } = await readConfiguration(['/k/f.conf'], memoryHost({ '/k/f.conf': text, '/k/g.conf': 'include *\ninclude f.conf\n' }), { ...OPTIONS, from: 'keepalived' });
  t.ok(diagnostics.some(({ message }) => message.includes('from within itself')));
  t.ok(diagnostics.length < 200);
});
