/** keepalived 2.2.7 on a real kernel installed these tables at its start (configuration id "low", user root only, no check scripts). */
import t from 'tap';
import { memoryHost, type ConfigHost } from '../../../lib/config/config-host.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { recordedDump, recordedFiles, startTable } from '../recorded.ts';

/**
 * Recordings that were taken late: a first check had failed already and its server was out, while the dump beside it has the server
 * alive. What is missing there must be servers and nothing else.
 */
const RECORDED_LATE = ['interview-lvs.conf', 'kdt-1446_conf.d_anon2.conf', 'kdt-1446_conf.d_anon22.conf', 'lx1036-master.conf'];
/** The numbers of ${_RANDOM} differ: keepalived drew them from a generator whose state is not known. */
const DRAWN = 'kdt-1180.conf';

export function oracleHost(files: Readonly<Record<string, string>>): ConfigHost {
  return memoryHost(files, { configId: 'low', hasUser: (name) => name === 'root', isExecutable: () => false });
}

for (const [name, text] of Object.entries(recordedFiles('keepalived'))) {
  const recorded = recordedDump('keepalived', name, '.rules')?.split('\n');
  if (recorded === undefined) continue;
  t.test(`the start table of ${name} is keepalived's`, async (t) => {
    const table = startTable(readKeepalived(name, oracleHost({ [name]: text })));
    if (name === DRAWN) t.same(table.map((line) => line.replace(/-p \d+/, '-p N')), recorded.map((line) => line.replace(/-p \d+/, '-p N')));
    else if (RECORDED_LATE.includes(name)) {
      t.same(table.filter((line) => recorded.includes(line)), recorded);
      t.ok(table.filter((line) => !recorded.includes(line)).every((line) => line.startsWith('-a ')), 'only servers are missing there');
    } else t.same(table, recorded);
  });
}
