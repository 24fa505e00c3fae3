/** Probes of the virtual address through one real server, as DR and TUN forward: they see what a probe of the real server's own address does not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { ProbeTarget } from '../../lib/health/checker.ts';
import { ApiClient } from '../../lib/control/api/client.ts';
import { programPath } from '../../lib/lab/lab-process.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { ECHO_PORT, HTTP_PORT } from '../../lib/lab/topology.ts';
import type { CheckKind } from '../../lib/model/health-check.ts';
import { labCase, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tvippath';
const HTTP: CheckKind = { kind: 'http', tls: false, urls: [{ path: '/' }], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: 'KeepAliveClient' };
const UDP: CheckKind = { kind: 'udp', payload: '6869', requireReply: true, minLength: 1, maxLength: 255 };
const PASSED = { ok: true, error: '' };

type Via = NonNullable<ProbeTarget['via']>;
const IPIP = { type: 'ipip', port: 0, checksum: 'none' } as const;
const TUNNELS: readonly Via['tunnel'][] = [IPIP, { type: 'gre', port: 0, checksum: 'none' }, { type: 'gue', port: 6080, checksum: 'none' }];

async function probes(lab: RunningLab, list: readonly (readonly [CheckKind, ProbeTarget])[]): Promise<object[]> {
  const { stdout } = await lab.run('director', [process.execPath, programPath('test/system/probe-via-vip.js'), JSON.stringify(list)]);
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as object);
}

for (const vipOnHost of [true, false]) {
  t.test(`DR, the virtual address ${vipOnHost ? '' : 'not '}on the director's host`, { skip: SKIP, timeout: 120_000 }, async (t) => {
    await labCase(t, { mode: 'dr', servers: 2, prefix: PREFIX, vipOnHost }, async (lab) => {
      const { vip4, vip6, servers: [server] } = lab.topology;
      for (const [vip, address] of [[vip4, server!.address4], [vip6, server!.address6]] as const) {
        const via: Via = { address, method: 'route', tunnel: IPIP };
        t.same(await probes(lab, [[HTTP, { address: vip, port: HTTP_PORT, via }], [{ kind: 'tcp' }, { address: vip, port: ECHO_PORT, via }], [UDP, { address: vip, port: ECHO_PORT, via }], [{ kind: 'ping' }, { address: vip, port: 0, via }]]),
          [PASSED, PASSED, PASSED, PASSED], `http, tcp, udp and ping through ${address}`);
        t.match(await probes(lab, [[{ kind: 'tcp' }, { address: vip, port: 81, via }], [{ kind: 'udp', payload: '00', requireReply: false, minLength: 0, maxLength: 255 }, { address: vip, port: 81, via }]]), [{ ok: false, error: 'connection refused' }, { ok: false, error: 'port unreachable' }]);
      }
      // The server without the address: clients would get nothing, its own address knows of nothing.
      await lab.run('rs1', ['ip', 'address', 'del', `${vip4}/32`, 'dev', 'lo']);
      const via: Via = { address: server!.address4, method: 'route', tunnel: IPIP };
      t.match(await probes(lab, [[HTTP, { address: vip4, port: HTTP_PORT, via }], [HTTP, { address: server!.address4, port: HTTP_PORT }]]), [{ ok: false, error: 'no connection in time' }, PASSED]);
      t.match(await probes(lab, [[HTTP, { address: vip4, port: HTTP_PORT, via: { ...via, address: '198.51.100.77' } }]]), [{ ok: false }], 'a server that is not there');
    });
  });
}

t.test('TUN: ipip, gre and gue, IPv4 and IPv6 in each other', { skip: SKIP, timeout: 120_000 }, async (t) => {
  await labCase(t, { mode: 'tun', servers: 1, prefix: PREFIX }, async (lab) => {
    const { vip4, vip6, servers: [server] } = lab.topology;
    for (const tunnel of TUNNELS) {
      const list = [vip4, vip6].flatMap((vip) => [server!.address4, server!.address6].map((address) => [HTTP, { address: vip, port: HTTP_PORT, via: { address, method: 'tunnel', tunnel } }] as const));
      t.same(await probes(lab, list), list.map(() => PASSED), tunnel.type);
    }
  });
});

t.test('configured checks go that way beside the director that forwards', { skip: SKIP, timeout: 120_000 }, async (t) => {
  await labCase(t, { mode: 'dr', servers: 2, prefix: PREFIX }, async (lab) => {
    const { vip4, servers } = lab.topology;
    const directory = mkdtempSync(join(tmpdir(), 'vip-path-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'tsipvs.yaml');
    writeFileSync(file, `version: 1
services:
  - listen: tcp ${vip4}:80
    scheduler: rr
    method: dr
    servers:
${servers.map(({ address4 }) => `      - {address: "${address4}", checks: [{type: http, urls: [{path: /}], interval: 1, retries: 0, timeout: 2, viaVip: true}]}`).join('\n')}
`);
    await lab.startDaemon({ args: ['--config', file] });
    const client = await ApiClient.connect(lab.socket);
    t.teardown(() => client.close());
    const states = async (): Promise<string> => (await client.call('health', {})).services[0]!.servers.map(({ up, checks }) => (checks[0]!.hasRun ? (up ? 'u' : 'd') : '?')).join('');
    const until = async (wanted: string): Promise<void> => {
      while ((await states()) !== wanted) await sleep(100);
    };
    const ask = async (): Promise<object> => {
      const { answers, failures } = await lab.send({ kind: 'http', address: vip4, port: 80, count: 8, timeoutMs: 8_000 });
      return { answers, failures };
    };
    await until('uu');
    t.same(await ask(), { answers: { rs1: 4, rs2: 4 }, failures: {} });
    await lab.run('rs1', ['ip', 'address', 'del', `${vip4}/32`, 'dev', 'lo']);
    await until('du');
    t.same(await ask(), { answers: { rs2: 8 }, failures: {} });
    await lab.run('rs1', ['ip', 'address', 'add', `${vip4}/32`, 'dev', 'lo']);
    await until('uu');
    t.same(await ask(), { answers: { rs1: 4, rs2: 4 }, failures: {} });
  });
});
