import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { readRulesConfiguration } from '../../../lib/config/ipvsadm/read-rules-configuration.ts';
import { readHaproxy } from '../../../lib/config/haproxy/read-haproxy.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { readLdirectord } from '../../../lib/config/ldirectord/read-ldirectord.ts';
import { readNative } from '../../../lib/config/native/read-native.ts';
import { writeNative } from '../../../lib/config/native/write-native.ts';
import { readPiranha } from '../../../lib/config/piranha/read-piranha.ts';
import type { DesiredConfiguration } from '../../../lib/model/desired-configuration.ts';
import { recordedFiles, startTable, type Program } from '../recorded.ts';

const READERS: Readonly<Record<Program, (name: string, files: Record<string, string>) => DesiredConfiguration>> = {
  keepalived: (name, files) => readKeepalived(name, memoryHost(files, { configId: 'low' })),
  ldirectord: (name, files) => readLdirectord(name, memoryHost(files)),
  piranha: (name, files) => readPiranha(name, memoryHost(files)),
  haproxy: (name, files) => readHaproxy(name, memoryHost(files), '192.0.2.1'),
};

const read = (text: string): DesiredConfiguration => readNative('x.yaml', memoryHost({ 'x.yaml': text }));

for (const program of Object.keys(READERS) as Program[]) {
  t.test(`${program} files written in the native format are the same configuration`, async (t) => {
    const files = recordedFiles(program);
    for (const name of Object.keys(files)) {
      const { services, globals } = READERS[program](name, files);
      const again = read(writeNative({ services, globals }));
      t.same(again.diagnostics, [], name);
      t.same(again.services, services, name);
      t.same(again.globals, globals, name);
    }
  });
}

t.test('rules of ipvsadm written in the native format have the same table', async (t) => {
  const rules = '-A -t 192.0.2.10:80 -s wlc -p 60 -M 255.255.255.0\n-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1\n-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 0 -x 100 -y 80\n-A -f 7 -6 -s mh -b mh-port\n-a -f 7 -6 -r [2001:db8::1]:0 -i -w 3 --tun-type gue --tun-port 6080\n-A -u 192.0.2.10:53 -s rr -o\n';
  const configuration = await readRulesConfiguration('x', memoryHost({ x: rules }));
  const again = read(writeNative(configuration));
  t.same([configuration.diagnostics, again.diagnostics], [[], []]);
  t.same(startTable(again), startTable(configuration));
});

t.test('what convert --to ipvsadm prints of any of the files is restored without complaint and is the same table', async (t) => {
  for (const program of Object.keys(READERS) as Program[]) {
    const files = recordedFiles(program);
    for (const name of Object.keys(files)) {
      const table = startTable(READERS[program](name, files));
      const restored = await readRulesConfiguration('x', memoryHost({ x: `${table.join('\n')}\n` }));
      t.same(restored.diagnostics, [], `${program} ${name}`);
      t.same(startTable(restored), table, `${program} ${name}`);
    }
  }
});

t.test('a service in few words', async (t) => {
  t.same(startTable(read('version: 1\nservices:\n  - listen: tcp 192.0.2.10:80\n    scheduler: rr\n    method: dr\n    persistence: 5m\n    servers:\n      - 10.0.0.1\n      - {address: "10.0.0.2:80", weight: 3}\n')), [
    '-A -t 192.0.2.10:80 -s rr -p 300', '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1', '-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 3',
  ]);
});

t.test('mistakes are named with line, column and the nearest word', async (t) => {
  const remarks = read('version: 1\nservices:\n  - listen: tcp 192.0.2.10\n    sheduler: rr\n    servers:\n      - 10.0.0.1:80\n  - listen: tcp 192.0.2.10:80\n    quorum: many\n    servers:\n      - address: 10.0.0.x:80\n        checks: [htp]\n').diagnostics;
  t.ok(remarks.every(({ severity }) => severity === 'error'));
  t.match(remarks.map(({ line, column, suggestion }) => [line, column, suggestion]), [[3, 13], [4, 5, 'scheduler'], [8, 13], [11, 18, 'http'], [10, 18]]);
  t.match(read('version: 1\nservices: [').diagnostics, [{ severity: 'error', line: 2, message: /no YAML/ }]);
  t.match(read('').diagnostics, [{ severity: 'error' }]);
});

t.test('the example of every feature reads without a remark', async (t) => {
  let root = import.meta.dirname;
  while (!existsSync(join(root, 'package.json'))) root = dirname(root);
  const configuration = read(readFileSync(join(root, 'lib/config/native/example.yaml'), 'utf8'));
  t.same(configuration.diagnostics, []);
  t.ok(configuration.services.length >= 5);
});
