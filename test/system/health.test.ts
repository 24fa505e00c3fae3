/** Health checks on a live director: a real server that ends is taken out, below quorum the sorry server serves, what comes back serves again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ApiClient } from '../../lib/control/api/client.ts';
import { readLabState } from '../../lib/lab/lab-state.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { ECHO_PORT, type LabServer, type LabTopology } from '../../lib/lab/topology.ts';
import type { HealthEvent } from '../../lib/model/health-state.ts';
import { labCase, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-thealth';

/** Two servers, the third says sorry; HTTP checked for its answer, echo by connecting. */
function configuration({ vip4, servers }: LabTopology): string {
  const [first, second, third] = servers as readonly [LabServer, LabServer, LabServer];
  const virtual = (port: number, check: string): string => `virtual_server ${vip4} ${port} {
  delay_loop 1
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  sorry_server ${third.address4} ${port}
${[first, second].map(({ address4 }) => `  real_server ${address4} ${port} {
    ${check}
  }`).join('\n')}
}
`;
  const timing = 'retry 1\n      delay_before_retry 1\n      warmup 0\n      connect_timeout 3';
  return virtual(80, `HTTP_GET {\n      url {\n        path /\n      }\n      ${timing}\n    }`) + virtual(ECHO_PORT, `TCP_CHECK {\n      ${timing}\n    }`);
}

t.test('a stopped real server leaves, the sorry server steps in below quorum, what returns serves again', { skip: SKIP, timeout: 180_000 }, async (t) => {
  await labCase(t, { mode: 'nat', servers: 3, prefix: PREFIX }, async (lab) => {
    const { topology } = lab;
    const directory = mkdtempSync(join(tmpdir(), 'health-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'keepalived.conf');
    writeFileSync(file, configuration(topology));
    await lab.startDaemon({ args: ['--config', file] });
    const client = await ApiClient.connect(lab.socket);
    t.teardown(() => client.close());
    const until = async (states: string): Promise<void> => {
      while ((await client.call('health', {})).services.map(({ servers }) => servers.map(({ up }) => (up ? 'u' : 'd')).join('')).join(' ') !== states) await sleep(100);
    };
    const ask = async (): Promise<unknown> => {
      const { answers, failures } = await lab.send({ kind: 'http', address: topology.vip4, port: 80, count: 12, timeoutMs: 8_000 });
      return { answers, failures };
    };
    t.same(await ask(), { answers: { rs1: 6, rs2: 6 }, failures: {} });
    // Connections of both servers that talk all the while.
    const ready = join(directory, 'ready');
    const echo = lab.send({ kind: 'echo', address: topology.vip4, port: ECHO_PORT, count: 8, durationMs: 6_000, intervalMs: 100, readyFile: ready });
    while (!(await lab.run('client', ['test', '-e', ready], { mayFail: true }).then(({ status }) => status === 0))) await sleep(100);
    await stopServer(lab, 'rs1');
    await until('du du');
    t.same(await ask(), { answers: { rs2: 12 }, failures: {} }, 'no request fails once the server is out');
    t.same(Object.keys((await echo).brokenByServer ?? {}), ['rs1'], 'connections of the other server go on');
    await stopServer(lab, 'rs2');
    await until('dd dd');
    t.same(await ask(), { answers: { rs3: 12 }, failures: {} }, 'the sorry server serves');
    const [first] = topology.servers;
    await lab.startServer('rs1', first!.namespace, [first!.address4, first!.address6]);
    await until('ud ud');
    t.same(await ask(), { answers: { rs1: 12 }, failures: {} }, 'and steps back');
  });
});

t.test('one that comes back starts with a 32nd of its weight; what the director told meanwhile is a stream of events', { skip: SKIP, timeout: 180_000 }, async (t) => {
  await labCase(t, { mode: 'nat', servers: 2, prefix: `${PREFIX}-slow` }, async (lab) => {
    const { vip4, servers } = lab.topology;
    const directory = mkdtempSync(join(tmpdir(), 'health-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'tsipvs.yaml');
    writeFileSync(file, `version: 1
services:
  - listen: tcp ${vip4}:80
    scheduler: wrr
    method: nat
    servers:
${servers.map(({ address4 }) => `      - {address: "${address4}", weight: 64, slowStart: true, checks: [{type: http, urls: [{path: /}], interval: 1, retries: 1, retryDelay: 1, timeout: 3}]}`).join('\n')}
`);
    await lab.startDaemon({ args: ['--config', file] });
    const client = await ApiClient.connect(lab.socket);
    const watcher = await ApiClient.connect(lab.socket);
    t.teardown(() => { client.close(); watcher.close(); });
    const events: HealthEvent[] = [];
    await watcher.follow((event) => void events.push(event), () => {});
    const states = async (): Promise<string> => (await client.call('health', {})).services[0]!.servers.map(({ up, weight }) => `${up ? 'up' : 'down'} ${weight}`).join(', ');
    const until = async (wanted: string): Promise<void> => {
      while ((await states()) !== wanted) await sleep(50);
    };
    await until('up 64, up 64');
    await stopServer(lab, 'rs1');
    await until('down null, up 64');
    const [first] = servers;
    await lab.startServer('rs1', first!.namespace, [first!.address4, first!.address6]);
    await until('up 2, up 64');
    t.same((await lab.send({ kind: 'http', address: vip4, port: 80, count: 66, timeoutMs: 8_000 })).answers, { rs1: 2, rs2: 64 });
    t.match(events.filter(({ kind }) => kind === 'server').map(({ state, message }) => [state, message]), [['down', /connection refused/], ['up', 'all checks pass']]);
    const results = (await client.call('health', {})).services[0]!.servers[0]!.checks[0]!.results;
    const down = results.findIndex(({ transition }) => transition === 'down');
    t.same(results.slice(down - 1, down + 1).map(({ ok }) => ok), [false, false], 'one failure, one retry, and it was out');
  });
});

async function stopServer(lab: RunningLab, name: string): Promise<void> {
  const found = readLabState(lab.topology.prefix)!.processes.findLast(({ what }) => what === `server-${name}`)!;
  await lab.stopProcess(found);
}
