/** README.md has the reference of the schema as it is, with an example of every field; and every example is read as it says. */
import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { EXAMPLES, type Part } from '../../../lib/config/native/examples.ts';
import { readNative } from '../../../lib/config/native/read-native.ts';
import { PARTS, referenceText } from '../../../lib/config/native/reference.ts';
import type { Fields } from '../../../lib/config/native/schema.ts';
import type { DesiredConfiguration } from '../../../lib/model/desired-configuration.ts';

const read = (text: string): DesiredConfiguration => readNative('x.yaml', memoryHost({ 'x.yaml': text }));

/** A mapping of the part, put where it belongs in an otherwise small file. */
function fileWith(part: Part, mapping: string): string {
  const service = (more: string): string => `version: 1\nservices:\n  - {listen: tcp 192.0.2.10:80, servers: [10.0.0.1:80], ${more}}\n`;
  const [, type] = /^check (.*)$/.exec(part) ?? [];
  if (type !== undefined) return service(`checks: [{type: ${type}, ${mapping}}]`);
  switch (part) {
    case 'file': return `version: 1\nservices: []\n${mapping.replace(/^(version|services): .*/, '')}\n`;
    case 'service': return `version: 1\nservices:\n  - {${[['listen', 'listen: tcp 192.0.2.10:80'], ['servers', 'servers: [10.0.0.1:80]']].filter(([name]) => !mapping.startsWith(`${name}: `)).map(([, text]) => text).join(', ')}${mapping === '' ? '' : ','} ${mapping}}\n`;
    case 'server': return `version: 1\nservices:\n  - {listen: tcp 192.0.2.10:80, servers: [{${mapping.startsWith('address:') ? '' : 'address: 10.0.0.1:80, '}${mapping}}]}\n`;
    case 'sorryServer': return service(`sorryServer: {${mapping.startsWith('address:') ? '' : 'address: 10.0.0.9:80, '}${mapping}}`);
    case 'check': return service(`checks: [{type: tcp, ${mapping}}]`);
    case 'url': return service(`checks: [{type: http, urls: [{${mapping.startsWith('path:') ? '' : 'path: /, '}${mapping}}]}]`);
    case 'tunnel': return service(`method: tun, tunnel: {${mapping}}`);
    case 'script': return service(`quorumUp: {${mapping.startsWith('command:') ? '' : 'command: x, '}${mapping}}`);
    case 'loadMonitor': return `version: 1\nservices:\n  - {listen: tcp 192.0.2.10:80, servers: [{address: 10.0.0.1:80, loadMonitor: {${mapping.startsWith('command:') ? '' : 'command: x, '}${mapping}}}]}\n`;
    case 'syncDaemon': return `version: 1\nsyncDaemon: {${mapping.startsWith('interface:') ? '' : 'interface: eth0, '}${mapping}}\n`;
    case 'smtp': return `version: 1\nsmtp: {${mapping.startsWith('server:') ? '' : 'server: localhost, '}${mapping}}\n`;
    default: return `version: 1\n${part}: {${mapping}}\n`;
  }
}

t.test('README.md has the reference of the schema as it is', async (t) => {
  let root = import.meta.dirname;
  while (!existsSync(join(root, 'package.json'))) root = dirname(root);
  t.ok(readFileSync(join(root, 'lib/config/native/README.md'), 'utf8').includes(referenceText()));
});

t.test('every field has an example, and no example is of a field that is not there', async (t) => {
  t.same(Object.fromEntries(PARTS.map(([, part, fields]) => [part, Object.keys(fields)])), Object.fromEntries(Object.entries(EXAMPLES).map(([part, examples]) => [part, Object.keys(examples)])));
});

for (const [title, part, fields] of PARTS as readonly (readonly [string, Part, Fields])[]) {
  t.test(`${title}: every example reads without a remark, and says something`, async (t) => {
    const needed = Object.entries(fields).filter(([, { required }]) => required === true).map(([name]) => name);
    for (const [name, example] of Object.entries(EXAMPLES[part])) {
      // What a check needs stands beside the field that is shown.
      const beside = part.startsWith('check ') ? needed.filter((one) => one !== name).map((one) => `, ${one}: ${EXAMPLES[part][one]}`).join('') : '';
      const text = fileWith(part, `${name}: ${example}${beside}`);
      const { diagnostics, services, globals } = read(text);
      t.same(diagnostics, [], text);
      if (needed.includes(name) || part === 'file' && name === 'services') continue;
      const without = read(fileWith(part, beside === '' ? '' : beside.slice(2)));
      if (without.diagnostics.length === 0 && !(name === 'tunnel' && example === '{type: ipip}')) t.notSame({ services, globals }, { services: without.services, globals: without.globals }, `${name}: ${example}`);
    }
  });
}
