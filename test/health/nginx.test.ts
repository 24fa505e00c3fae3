/** HTTP checks against nginx: status, virtual host, digest, protocol versions, redirects, framing, server name. */
import t from 'tap';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProbeOutcome } from '../../lib/health/checker.ts';
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets, nodeSockets } from '../../lib/health/probe-sockets.ts';
import type { CheckKind, HttpUrl } from '../../lib/model/health-check.ts';
import { healthCheck, TcpTarget } from './checker-cases.ts';

type HttpCheck = Extract<CheckKind, { kind: 'http' }>;

const MISSING = ['nginx', 'openssl'].find((program) => spawnSync(program, ['-h']).error !== undefined);
const HTTP: HttpCheck = { kind: 'http', tls: false, urls: [], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };
const PASSES = { ok: true, error: '' };
const BIG = 'x'.repeat(300_000);

async function freePort(): Promise<number> {
  const target = new TcpTarget(() => {});
  const port = await target.listen();
  target.close();
  return port;
}

t.test('nginx', { skip: MISSING === undefined ? false : `${MISSING} is not installed` }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nginx-check-'));
  const [plain, secure] = [await freePort(), await freePort()];
  for (const name of ['one.example.org', 'two.example.org']) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'index.html'), `page of ${name}\n`);
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.pem`)]);
  }
  writeFileSync(join(directory, 'one.example.org', 'big.txt'), BIG);
  writeFileSync(join(directory, 'one.example.org', 'framed.shtml'), '<!--#echo var="nothing" default="hello" -->\n');
  const server = (name: string, more = ''): string => `server { listen 127.0.0.1:${plain}; listen 127.0.0.1:${secure} ssl; server_name ${name}; root ${directory}/${name}; ssl_certificate ${directory}/${name}.pem; ssl_certificate_key ${directory}/${name}.key; ${more} }`;
  writeFileSync(join(directory, 'nginx.conf'), `
    daemon off; master_process off; pid ${directory}/pid; error_log stderr crit; worker_processes 1; events {}
    http { access_log off; default_type text/html; client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
      ${server('one.example.org', 'location = /framed.shtml { ssi on; } location /moved { return 302 /; } location /empty { return 204; } location /refused { return 444; }')}
      ${server('two.example.org')} }`);
  const nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: 'ignore' });
  t.teardown(async () => {
    nginx.kill('SIGKILL');
    if (nginx.exitCode === null && nginx.signalCode === null) await once(nginx, 'exit');
    rmSync(directory, { recursive: true });
  });
  for (const port of [plain, secure]) await accepting(port);
  const digest = (text: string): string => createHash('md5').update(text).digest('hex');
  const probe = (url: Partial<HttpUrl>, more: Partial<HttpCheck> = {}, sockets = hostSockets): Promise<ProbeOutcome> =>
    runProbe(healthCheck({ ...HTTP, ...more, urls: [{ path: '/', ...url }] }, 10), { address: '127.0.0.1', port: more.tls === true ? secure : plain }, 0, sockets);

  for (const sockets of [hostSockets, nodeSockets]) {
    for (const version of ['1.0', '1.0C', '1.1'] as const) {
      t.same(await probe({ digest: digest('page of one.example.org\n') }, { version }, sockets), PASSES, version);
      t.same(await probe({ virtualHost: 'two.example.org', digest: digest('page of two.example.org\n') }, { version }, sockets), PASSES, `${version}, virtual host`);
      t.same(await probe({ path: '/big.txt', digest: digest(BIG) }, { version }, sockets), PASSES, `${version}, many segments`);
      t.same(await probe({ path: '/big.txt' }, { version }, sockets), PASSES);
    }
  }
  t.same(await probe({}, { method: 'HEAD' }), PASSES);
  t.same(await probe({ path: '/empty' }, { version: '1.1' }), PASSES);
  t.match(await probe({ path: '/none' }), { ok: false, error: '/none: status 404' });
  t.match(await probe({ path: '/moved' }), { ok: false, error: '/moved: status 302' }, 'not followed');
  t.same(await probe({ path: '/moved', statusCodes: [[300, 399]] }), PASSES);
  t.match(await probe({ path: '/refused' }), { ok: false, error: '/refused: connection closed without an answer' });
  t.same(await probe({ path: '/framed.shtml', digest: digest('hello\n') }), PASSES, 'HTTP/1.0 has no chunks');
  t.match(await probe({ path: '/framed.shtml', digest: digest('hello\n') }, { version: '1.1' }), { ok: false, error: /digest/ }, 'chunks are part of the digest, as in genhash');
  t.same(await probe({ path: '/framed.shtml', regex: 'hello' }, { version: '1.1' }), PASSES);
  t.match(await probe({}, { tls: false, urls: [] }).then(() => runProbe(healthCheck({ ...HTTP, urls: [{ path: '/' }] }, 10), { address: '127.0.0.1', port: secure }, 0, hostSockets)), { ok: false, error: '/: status 400' }, 'plain HTTP to the TLS port');

  t.same(await probe({ digest: digest('page of one.example.org\n') }, { tls: true }), PASSES);
  t.same(await probe({ virtualHost: 'two.example.org', digest: digest('page of two.example.org\n') }, { tls: true, sni: 'two.example.org' }), PASSES, 'by server name');
  t.match(await probe({}, { tls: true, verify: true, sni: 'two.example.org' }), { ok: false, error: /self.signed/ });
  t.match(await runProbe(healthCheck({ ...HTTP, tls: true, urls: [{ path: '/' }] }, 10), { address: '127.0.0.1', port: plain }, 0, hostSockets), { ok: false, error: /wrong version number|packet length/i }, 'TLS to the plain port');
});

async function accepting(port: number): Promise<void> {
  for (;;) {
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)).once('connect', () => socket.destroy());
    });
    if (reached) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
