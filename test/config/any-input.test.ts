/** Readers never throw, whatever they are given. */
import t from 'tap';
import fc from 'fast-check';
import { memoryHost } from '../../lib/config/config-host.ts';
import { CONFIG_FORMATS, detectFormat } from '../../lib/config/detect.ts';
import { readConfiguration } from '../../lib/config/read-configuration.ts';
import { desiredTable } from '../../lib/control/desired-table.ts';
import { recordedFiles, type Program } from './recorded.ts';

const samples = (['keepalived', 'ldirectord', 'piranha', 'haproxy'] as Program[]).flatMap((program) => Object.values(recordedFiles(program)).map((text) => text.slice(0, 6000)));
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
