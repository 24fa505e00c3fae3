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
/**
 * keepalived seeds ${_RANDOM} with the time it starts at; random_seed counts from its first reload on. The recording began at this second, and has the numbers of
 * its seed: delay_loop 6, persistence 30, weight 10, then 428 ms and so on (data/keepalived/dumps/kdt-1180.dump).
 */
const DRAWN = 'kdt-1180.conf';
const DRAWN_AT_SEC = 1_704_067_322;

export function oracleHost(files: Readonly<Record<string, string>>): ConfigHost {
  return memoryHost(files, { configId: 'low', hasUser: (name) => name === 'root', isExecutable: () => false });
}

for (const [name, text] of Object.entries(recordedFiles('keepalived'))) {
  const recorded = recordedDump('keepalived', name, '.rules')?.split('\n');
  if (recorded === undefined) continue;
  t.test(`the start table of ${name} is keepalived's`, async (t) => {
    const table = startTable(readKeepalived(name, oracleHost({ [name]: text })));
    if (name === DRAWN) t.same(startTable(readKeepalived(name, { ...oracleHost({ [name]: text.replace(/^.*random_seed.*$/m, '') }), startedSec: DRAWN_AT_SEC })), recorded);
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

interface Asked { readonly name: string; readonly text: string; readonly table?: readonly string[]; readonly exit?: number; readonly lines?: readonly number[] }

/** Files that the recording machine had beside the one that was asked about. */
const ONE = '$ONE=1\nvirtual_server 10.0.9.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.1.9.1 80 {\n }\n}\n';
const BESIDE: Readonly<Record<string, string>> = {
  '/tmp/inc/one.inc': ONE, '/tmp/inc/two.inc': ONE.replace('10.0.9.1', '10.0.9.2'), '/tmp/inc/rs.part': ' real_server 10.1.9.5 80 {\n }\n real_server 10.1.9.6 80 {\n',
  '/tmp/inc/unclosed.part': 'virtual_server 10.0.9.3 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n',
};

t.test('malformed and odd files: the tables of keepalived on a real kernel, and a remark at each line where keepalived -t has one', async (t) => {
  const programs = ['/bin/true', '/bin/echo', '/bin/false', 'echo'];
  for (const { name, text, table, exit, lines } of JSON.parse(recordedText('keepalived/asked.json')) as Asked[]) {
    const configuration = readKeepalived('/w/x.conf', memoryHost({ ...BESIDE, '/w/x.conf': text }, {
      configId: 'oracle', hasUser: (user) => ['root', 'nobody'].includes(user), hasGroup: (group) => ['root', 'nogroup'].includes(group), isExecutable: (path) => programs.includes(path), hasInterface: () => true, workingDirectory: '/w',
    }));
    if (table !== undefined) t.same(startTable(configuration), table, name);
    if (exit !== undefined) t.equal(configuration.diagnostics.some(({ severity }) => severity !== 'note'), exit !== 0, `${name}: exit ${exit}`);
    const remarked = new Set(configuration.diagnostics.map(({ line }) => line));
    t.same((lines ?? []).filter((line) => !remarked.has(line)), [], `${name}: lines`);
  }
});
