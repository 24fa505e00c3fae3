/** keepalived 2.2.7 on a real kernel installed these tables at its start (configuration id "low", user root only, no check scripts). */
import t from 'tap';
import { memoryHost, type ConfigHost } from '../../../lib/config/config-host.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { madeFiles, recordedDump, recordedFiles, recordedText, startTable } from '../recorded.ts';

/**
 * Recordings that were taken late: on a host without a route to the servers a first check (which has no retries) fails at once, and its server was
 * out when the table was read, while the dump beside it has the server alive. Recorded again with a default route, where a connection
 * attempt lasts, the table is the one of the start (NAME.routed.rules).
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
      t.same(table, recordedText(`keepalived/dumps/${name.replace('.conf', '.routed.rules')}`).trim().split('\n'));
    } else t.same(table, recorded);
  });
}

t.test('files made to be difficult: keyword orders, ranges, parameters, mistakes; the tables of keepalived on a real kernel', async (t) => {
  const programs = ['/bin/true', '/bin/echo'];
  for (const [name, text] of Object.entries(madeFiles())) {
    const host = memoryHost({ [name]: text }, { configId: 'oracle', hasUser: (user) => ['root', 'nobody'].includes(user), isExecutable: (path) => programs.includes(path) });
    t.same(startTable(readKeepalived(name, host)), recordedText(`keepalived-made/${name.replace('.conf', '.rules')}`).trim().split('\n'), name);
  }
});
