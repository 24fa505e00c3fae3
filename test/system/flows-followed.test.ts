/** explain, shadow and record on a live director: what explain says is what the next connection does, and the two that look on see the same traffic. */
import t from 'tap';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpoint } from '../../lib/lab/demo.ts';
import { commandPath, type RunningLab } from '../../lib/lab/running-lab.ts';
import type { Explanation } from '../../lib/model/explanation.ts';
import { parseFlowRecording } from '../../lib/model/flow-record.ts';
import type { ShadowReport } from '../../lib/model/shadow-report.ts';
import { labCase, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tflow';
const REQUESTS = 30;
/** Ports of its own, above those the laboratory counts up. */
const EXPLAINED_PORT = 33_000;

function tsipvs(lab: RunningLab, args: readonly string[]): { child: ChildProcess; done: Promise<{ status: number | null; stdout: string; stderr: string }> } {
  const child = spawn(process.execPath, [commandPath('tsipvs'), ...args], { env: lab.environment });
  let stdout = '', stderr = '';
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
  return { child, done: new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr }))) };
}

t.test('explain, shadow and record beside live traffic', { skip: SKIP, timeout: 300_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'flows-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  await labCase(t, { mode: 'nat', prefix: PREFIX }, async (lab) => {
    const { topology } = lab;
    const service = endpoint(topology.vip4, 80);
    const client = topology.client.interfaces[0]!.addresses.map((address) => address.split('/')[0]!).find((address) => address.includes('.'))!;
    await lab.startDaemon();
    await lab.command(['-R'], { input: `-A -t ${service} -s wrr\n${topology.servers.map((s, n) => `-a -t ${service} -r ${endpoint(s.address4, 80)} -m -w ${n + 1}\n`).join('')}` });

    for (const [n, scheduler] of ['wrr', 'sh', 'wlc', 'twos', 'lblcr'].entries()) {
      await lab.command(['-E', '-t', service, '-s', scheduler]);
      const port = EXPLAINED_PORT + n;
      const { stdout } = await tsipvs(lab, ['explain', '--service', service, '--client', `${client}:${port}`, '--json']).done;
      const said = JSON.parse(stdout) as Explanation;
      const name = topology.servers.find(({ address4 }) => address4 === said.destination?.address)?.name ?? 'nobody';
      t.match(said, { decidedBy: 'scheduler', record: { verdict: 'transmit' } });
      const { answers } = await lab.send({ kind: 'http', address: topology.vip4, port: 80, count: 1, firstPort: port });
      t.same(answers, { [name]: 1 }, `${scheduler}: the server that explain named answers`);
    }

    await lab.command(['-E', '-t', service, '-s', 'rr']);
    const timed = join(directory, 'timed'), stopped = join(directory, 'stopped');
    const shadow = tsipvs(lab, ['shadow', '--service', service, '--scheduler', 'mh', '--flags', 'mh-port', '--duration', '6s', '--json']);
    const record = tsipvs(lab, ['record', '--service', service, '-o', timed, '--duration', '6s']);
    const interrupted = tsipvs(lab, ['record', '--service', service, '-o', stopped, '--anonymise']);
    // A header is written when the recording has been asked for; the director answers at once.
    for (let n = 0; n < 100 && !(existsSync(timed) && existsSync(stopped)); n++) await delay(50);
    await delay(1000);
    const { answers, failures } = await lab.send({ kind: 'http', address: topology.vip4, port: 80, count: REQUESTS });
    t.same(failures, {});
    interrupted.child.kill('SIGINT');

    const reports = (await shadow.done).stdout.trim().split('\n').map((line) => JSON.parse(line) as ShadowReport);
    const last = reports.at(-1)!;
    t.match(last, { flows: REQUESTS, ended: 'duration', live: { scheduler: 'rr' }, shadow: { scheduler: 'mh', schedFlags: 2 } });
    for (const { address, live } of last.destinations) t.equal(live.flows, answers[topology.servers.find(({ address4 }) => address4 === address)!.name]);
    t.equal(last.destinations.reduce((sum, { shadow: { flows } }) => sum + flows, 0), REQUESTS);

    for (const [file, { done }, from] of [[timed, record, client], [stopped, interrupted, null]] as const) {
      const { status, stderr } = await done;
      t.equal(status, 0, stderr);
      const { header, flows, end } = parseFlowRecording(readFileSync(file, 'utf8').split('\n'), file);
      t.match([header.anonymised, flows.length, end?.records, end?.lost], [from === null, REQUESTS, REQUESTS, 0]);
      t.ok(flows.every((flow) => (flow.client === client) === (from !== null) && flow.packetsIn > 3 && flow.packetsOut > 2 && flow.bytesOut > 100 && flow.destination?.endsWith(':80')));
    }
    const { connections } = JSON.parse((await lab.command(['-Lnc', '--json'])).stdout) as { connections: unknown[] };
    t.ok(connections.length >= REQUESTS);
  });
});
