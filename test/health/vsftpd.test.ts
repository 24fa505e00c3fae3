/** FTP checks against vsftpd: an anonymous login, a file fetched in passive mode, refusals. */
import t from 'tap';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import type { CheckKind } from '../../lib/model/health-check.ts';
import { healthCheck, TcpTarget } from './checker-cases.ts';

const FTP: Extract<CheckKind, { kind: 'login' }> = { kind: 'login', service: 'ftp', login: '', password: '', request: '', receive: '', database: '' };
const skip = process.getuid?.() !== 0 ? 'vsftpd needs root' : spawnSync('vsftpd', ['-v']).error !== undefined ? 'vsftpd is not installed' : false;

t.test('vsftpd', { skip, timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vsftpd-check-'));
  const empty = new TcpTarget(() => {});
  const port = await empty.listen();
  empty.close();
  for (const name of ['', 'nothing', 'files']) {
    if (name !== '') mkdirSync(join(directory, name));
    chmodSync(join(directory, name), 0o755);
  }
  writeFileSync(join(directory, 'files', 'check.txt'), 'hello\n', { mode: 0o644 });
  const configuration = join(directory, 'vsftpd.conf');
  writeFileSync(configuration, Object.entries({
    listen: 'YES', listen_address: '127.0.0.1', listen_port: port, background: 'NO', anonymous_enable: 'YES', local_enable: 'NO', anon_root: `${directory}/files`, secure_chroot_dir: `${directory}/nothing`, xferlog_enable: 'NO', seccomp_sandbox: 'NO',
  }).map(([name, value]) => `${name}=${value}\n`).join(''));
  const server = spawn('vsftpd', [configuration], { stdio: 'ignore' });
  t.teardown(async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    rmSync(directory, { recursive: true });
  });
  while (!await accepts(port)) await new Promise((resolve) => setTimeout(resolve, 50));
  const probe = (more: Partial<typeof FTP>): Promise<object> => runProbe(healthCheck({ ...FTP, ...more }, 20), { address: '127.0.0.1', port }, 0, hostSockets);
  t.same(await probe({}), { ok: true, error: '' });
  t.same(await probe({ request: '/check.txt', receive: '^hel+o' }), { ok: true, error: '' });
  t.match(await probe({ request: 'check.txt', receive: 'goodbye' }), { ok: false, error: 'no answer matches "goodbye"' });
  t.match(await probe({ request: 'none.txt' }), { ok: false, error: /answered "550 / });
  t.match(await probe({ login: 'root', password: 'x' }), { ok: false, error: /answered "530 / });
});

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}
