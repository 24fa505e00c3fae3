import t from 'tap';
import { detectFormat } from '../../lib/config/detect.ts';
import { recordedDump, recordedFiles, type Program } from './recorded.ts';

for (const program of ['keepalived', 'ldirectord', 'piranha', 'haproxy'] as Program[]) {
  t.test(`files of ${program} are told by their content`, async (t) => {
    for (const [name, text] of Object.entries(recordedFiles(program))) t.equal(detectFormat('unnamed', text), program, name);
  });
}

t.test('tables are told by their content, names help where it says nothing', async (t) => {
  for (const name of Object.keys(recordedFiles('keepalived'))) {
    const rules = recordedDump('keepalived', name, '.rules');
    if (rules !== null) t.equal(detectFormat('unnamed', rules), 'ipvsadm', name);
  }
  t.equal(detectFormat('x.yaml', ''), 'native');
  t.equal(detectFormat('unnamed', '# comment\nversion: 1\nservices: []\n'), 'native');
  t.equal(detectFormat('/etc/keepalived/keepalived.conf', '# nothing\n'), 'keepalived');
  t.equal(detectFormat('unnamed', 'hello'), null);
});
