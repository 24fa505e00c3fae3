/** The octets that probes send are those recorded of keepalived 2.2.7 and ldirectord 4.12. */
import t from 'tap';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dnsQuery } from '../../lib/health/checks/dns.ts';
import { httpRequest } from '../../lib/health/checks/http.ts';

type HttpCheck = Parameters<typeof httpRequest>[0];

const KEEPALIVED: HttpCheck = { kind: 'http', tls: false, urls: [], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };

/** Different requests of a recording: "193.38 http2 b'GET ...'" -> what was sent. */
function recorded(folder: string): string[] {
  const text = readFileSync(join(projectRoot(), 'test/health/recorded', folder, 'requests.log'), 'utf8');
  return [...new Set(text.split('\n').map((line) => /^[\d.]+ \S+ b'(.*)'$/.exec(line)?.[1] ?? '').filter((request) => request !== ''))].map((request) => request.replaceAll('\\r', '\r').replaceAll('\\n', '\n')).sort();
}

t.test('HTTP_GET sends what keepalived sends, by protocol version and virtual host', async (t) => {
  const ours = [
    httpRequest(KEEPALIVED, { path: '/a' }, 'vs.example.org'), httpRequest(KEEPALIVED, { path: '/b' }, 'vs.example.org'), httpRequest({ ...KEEPALIVED, version: '1.1' }, { path: '/c' }, 'url.example.org'),
  ];
  t.same(ours.sort(), recorded('keepalived').filter((request) => request.startsWith('GET')));
});

t.test('ldirectord\'s http check sends what libwww-perl sends', async (t) => {
  t.same([httpRequest({ ...KEEPALIVED, userAgent: 'libwww-perl/6.68' }, { path: '/check' }, 'www.example.org')], recorded('ldirectord'));
});

t.test('DNS_CHECK asks for the SOA of the root, recursion desired', async (t) => {
  const line = readFileSync(join(projectRoot(), 'test/health/recorded/keepalived/requests.log'), 'utf8').split('\n').find((one) => one.includes(' dns '))!;
  const octets = line.split(' ')[2]!;
  t.equal(dnsQuery(Number.parseInt(octets.slice(0, 4), 16), '.', 6).toString('hex'), octets);
});

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
