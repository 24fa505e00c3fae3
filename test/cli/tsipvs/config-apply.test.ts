/** `tsipvs config` as a process, against a director's API over its socket. */
import t from 'tap';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { ApiServer } from '../../../lib/control/api/server.ts';
import { Controller } from '../../../lib/control/controller.ts';
import { ServiceTable } from '../../../lib/control/service-table.ts';
import { shortDirectory } from '../../support/short-directory.ts';
import { RecordingLink } from '../../support/recording-link.ts';

const COMMAND = join(import.meta.dirname, '../../../cli/tsipvs.js');
const GOOD = 'listen web\n bind 192.0.2.10:80\n server a 10.0.0.1:80\n server b 10.0.0.2:80 weight 2\n';
const RULES = '-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1\n-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 2\n';

t.test('a good file is applied in one step, a bad one changes nothing', async (t) => {
  const folder = shortDirectory(t);
  const socket = join(folder, 's.sock');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const tsipvs = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> => new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, 'config', ...args], { env: { ...process.env, TSIPVS_SOCKET: socket } }, (error, stdout, stderr) => resolve({ status: error === null ? 0 : (error.code as unknown as number), stdout, stderr }));
  });
  const info = { version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], connTabSize: 4096, uptimeSec: 0 };
  const table = new ServiceTable();
  const server = new ApiServer(new Controller({ table, link: new RecordingLink(), info: () => info }).handlers);
  await server.listen(socket);
  t.teardown(() => server.close());

  const good = file('good.cfg', GOOD);
  t.match(await tsipvs('plan', good), { status: 0, stdout: RULES });
  t.equal(table.services().length, 0, 'plan changes nothing');
  t.match(await tsipvs('apply', good), { status: 0, stdout: RULES });
  t.match(await tsipvs('plan', good), { status: 0, stdout: '', stderr: '' });
  const before = table.services();

  const bad = await tsipvs('apply', file('bad.cfg', GOOD.replace('weight', 'wait')));
  t.equal(bad.status, 1);
  t.match(bad.stderr, /bad\.cfg:4:\d+: error: unknown server parameter "wait"/);
  t.same(table.services(), before);

  // Good for the reader, refused by the director: a port that is none of one service.
  const refused = await tsipvs('apply', file('refused.rules', '-A -t 192.0.2.11:80 -s wrr\n-A -t 192.0.2.12:0 -s wrr\n'));
  t.equal(refused.status, 1);
  t.same(table.services(), before, 'all or nothing');

  t.match(await tsipvs('apply', file('less.cfg', GOOD.replace(' server a 10.0.0.1:80\n', ''))), { status: 0, stdout: '-d -t 192.0.2.10:80 -r 10.0.0.1:80\n' });
  t.match(await tsipvs('check', '--strict', file('warns.cfg', `${GOOD} acl x src 10.0.0.0/8\n`)), { status: 1, stdout: /warns\.cfg:5:2: warning: .*refused \(1 mistake\)\n$/s });
  t.match(await tsipvs('convert', good), { status: 1, stderr: /needs --to/ });
  t.match(await tsipvs('convert', '--to', 'ipvsadm', good), { status: 0, stdout: RULES });
});
