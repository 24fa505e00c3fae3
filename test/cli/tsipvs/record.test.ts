/** `tsipvs record` and `tsipvs shadow` as programs, against a director in memory behind a real socket. */
import t from 'tap';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer } from '../../../lib/control/api/server.ts';
import { commandPath } from '../../../lib/lab/running-lab.ts';
import { parseFlowRecording, type FlowRecord } from '../../../lib/model/flow-record.ts';
import { FakeDaemon } from './fake-daemon.ts';

const flow = (n: number): FlowRecord => ({
  arrivalMs: n, service: 0, client: `198.51.100.${n}`, port: 40_000 + n, durationMs: 5, packetsIn: 6, packetsOut: 5, bytesIn: 400, bytesOut: 4000, destination: '10.1.0.1:80', state: 'TIME_WAIT',
});

async function tsipvs(daemon: FakeDaemon, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'rec-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'key'), 'sixteen bytes and more');
  writeFileSync(join(directory, 'short'), 'short');
  const socket = join(directory, 's');
  const server = new ApiServer(daemon.handlers);
  await server.listen(socket);
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, [commandPath('tsipvs'), ...args], { cwd: directory, env: { ...process.env, TSIPVS_SOCKET: socket }, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr, directory }));
    });
  } finally {
    await server.close();
  }
}

function recording(): FakeDaemon {
  const daemon = new FakeDaemon();
  daemon.recordingEvents = [{ records: [flow(2), flow(1)] }, { records: [flow(3)] }, { end: { end: true, durationMs: 2500, records: 3, lost: 1 } }];
  return daemon;
}

t.test('a recording goes into a file that reads back, and what was lost is said', async (t) => {
  const daemon = recording();
  const { status, stderr, directory } = await tsipvs(daemon, 'record', '--service', '192.0.2.10:80', '-s', 'tcp:192.0.2.10:80', '-o', 'out', '--duration', '2.5s', '--limit', '9');
  t.equal(stderr, '3 connections in 2.5 s to out, 1 lost\n');
  t.equal(status, 0);
  const read = parseFlowRecording(readFileSync(join(directory, 'out'), 'utf8').split('\n'), 'out');
  t.match(read, { header: { services: ['tcp 192.0.2.10 80', 'tcp 192.0.2.10 80'], anonymised: false }, end: { lost: 1 } });
  t.same(read.flows, [flow(1), flow(2), flow(3)]);
  t.match(daemon.recordingRequests, [{ services: [{ port: 80 }, { port: 80 }], limit: 9 }]);
});

t.test('anonymised with a key, on standard output', async (t) => {
  const one = await tsipvs(recording(), 'record', '--service', '192.0.2.10:80', '-o', '-', '--key-file', 'key');
  const two = await tsipvs(recording(), 'record', '--service', '192.0.2.10:80', '-o', '-', '--anonymise');
  const clients = (stdout: string): string[] => parseFlowRecording(stdout.split('\n'), '-').flows.map(({ client }) => client);
  t.match(parseFlowRecording(one.stdout.split('\n'), '-').header, { anonymised: true });
  for (const { stdout } of [one, two]) {
    t.notMatch(stdout, '198.51.100.');
    t.equal(new Set(clients(stdout).map((client) => client.split('.').slice(0, 3).join('.'))).size, 1);
  }
  t.not(clients(one.stdout)[0], clients(two.stdout)[0]);
});

t.test('what cannot be is one line', async (t) => {
  for (const [args, message] of [
    [['-o', 'out'], /service/], [['-s', '192.0.2.99:80', '-o', 'out'], /no service 192\.0\.2\.99:80/], [['-s', '192.0.2.10:80', '-o', 'no/such/out'], /no\/such\/out/],
    [['-s', '192.0.2.10:80', '-o', 'out', '--limit', '0'], /--limit 0/], [['-s', '192.0.2.10:80', '-o', 'out', '--key-file', 'short'], /short holds 5 bytes: a key has 16 or more/],
  ] as const) {
    const { status, stderr } = await tsipvs(recording(), 'record', ...args);
    t.equal(status, 1);
    t.match(stderr, message);
    t.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});

t.test('shadow prints the last report, as text or every one as JSON', async (t) => {
  const daemon = new FakeDaemon();
  const report = {
    service: 'tcp 192.0.2.10 80', live: { scheduler: 'rr', schedFlags: 0, refused: 0 }, shadow: { scheduler: 'wlc', schedFlags: 0, refused: 0 }, elapsedMs: 1000, flows: 1, elsewhere: 1,
    clients: { returned: 0, movedLive: 0, movedShadow: 0 }, destinations: [], changes: [], ended: null,
  };
  daemon.shadowReports = [report, { ...report, ended: 'duration' }];
  const text = await tsipvs(daemon, 'shadow', '--service', '192.0.2.10:80', '--scheduler', 'wlc', '--duration', '1s');
  t.match(text.stdout, /^tcp 192\.0\.2\.10 80: rr live, wlc as its shadow, 1\.0 s\n1 flow, 1 \(100\.0 %\)/);
  const json = await tsipvs(daemon, 'shadow', '--service', '192.0.2.10:80', '--scheduler', 'wlc', '--json');
  t.same(json.stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown), daemon.shadowReports);
  t.match(daemon.shadowRequests, [{ scheduler: 'wlc' }, { scheduler: 'wlc' }]);
});
