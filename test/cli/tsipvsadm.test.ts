/** The program as a process: exit status, pipes, the socket of the environment, the name it is called by. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ApiServer } from '../../lib/control/api/server.ts';
import { Controller } from '../../lib/control/controller.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import { RecordingLink } from '../support/recording-link.ts';

const PROGRAM = join(import.meta.dirname, '../../cli/tsipvsadm.js');
const directory = mkdtempSync(join(tmpdir(), 'adm-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const socket = join(directory, 'tsipvsd.sock');

interface Result { stdout: string; stderr: string; code: number | null }

function run(program: string, args: readonly string[], options: { stdin?: string; socket?: string } = {}): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, TSIPVS_SOCKET: options.socket ?? socket } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => { stdout += chunk; });
    child.stderr.on('data', (chunk) => { stderr += chunk; });
    child.stdin.end(options.stdin ?? '');
    child.on('close', (code) => resolve({ stdout, stderr, code }));
  });
}

t.test('against a daemon', async (t) => {
  const server = new ApiServer(new Controller({
    table: new ServiceTable(), link: new RecordingLink(), info: () => ({ version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], workers: null, connTabSize: 4096, uptimeSec: 0 }),
  }).handlers);
  await server.listen(socket);
  t.teardown(() => server.close());

  t.same(await run(PROGRAM, ['-A', '-t', '192.0.2.10:80', '-s', 'rr']), { stdout: '', stderr: '', code: 0 });
  t.same(await run(PROGRAM, ['-A', '-t', '192.0.2.10:80', '-s', 'rr']), { stdout: '', stderr: 'Service already exists\n', code: 255 });
  t.same(await run(PROGRAM, ['-L', '-t', '192.0.2.10:443']), { stdout: '', stderr: 'No such service\n', code: 1 });
  t.same(await run(PROGRAM, ['-A', 'x']), { stdout: '', stderr: 'unexpected argument x\n', code: 2 });

  const rules = Array.from({ length: 3000 }, (_, n) => `-a -t 192.0.2.10:80 -r 10.1.${n >> 8}.${n & 255}:80 -m -w ${n}\n`).join('');
  t.same(await run(PROGRAM, ['-R'], { stdin: rules }), { stdout: '', stderr: '', code: 0 });
  const ipvsadm = join(directory, 'ipvsadm');
  const save = join(directory, 'ipvsadm-save');
  for (const link of [ipvsadm, save]) symlinkSync(PROGRAM, link);
  t.equal((await run(save, ['-n'])).stdout, `-A -t 192.0.2.10:80 -s rr\n${rules}`, 'a listing larger than a pipe arrives whole');
  t.equal((await run(ipvsadm, ['-q'])).stderr, 'Try `ipvsadm -h\' or \'ipvsadm --help\' for more information.\n');
});

t.test('without a daemon', async (t) => {
  const gone = join(directory, 'gone.sock');
  t.same(await run(PROGRAM, ['-L'], { socket: gone }), { stdout: '', stderr: `no director is running: no tsipvsd listens at ${gone} (start one with: tsipvsd --socket ${gone})\n`, code: 2 });
});
