/** tsgenhash against the digests seen of the original, and, where Debian's keepalived is installed, against the original itself. */
import t from 'tap';
import { spawn, spawnSync } from 'node:child_process';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../cli/tsgenhash.js');

/** Reply -> what the original says of it: [reply, stdout, stderr]. */
const REPLIES: Readonly<Record<string, readonly [reply: string, stdout: string, stderr: string]>> = {
  'Content-Length as long as the body': ['HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n', 'b1946ac92492d2347c6235b4d2611184\n', ''],
  'no Content-Length': ['HTTP/1.0 200 OK\r\n\r\nhello\n', 'b1946ac92492d2347c6235b4d2611184\n', ''],
  'Content-Length too long': ['HTTP/1.0 200 OK\r\nContent-Length: 60\r\n\r\nhello\n', 'b1946ac92492d2347c6235b4d2611184\n', ''],
  'status 404': ['HTTP/1.0 404 Not Found\r\nContent-Length: 6\r\n\r\nhello\n', 'b1946ac92492d2347c6235b4d2611184\n', ''],
  'status 302': ['HTTP/1.0 302 Found\r\nLocation: /\r\nContent-Length: 6\r\n\r\nhello\n', 'b1946ac92492d2347c6235b4d2611184\n', ''],
  'Content-Length too short': ['HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nhello\n', '46356afe55fa3cea9cbe73ad442cad47\n', ''],
  'chunked': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n', '8aea47faa8ff765544508726bbcd3b9d\n', ''],
  'Content-Length 0': ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', 'd41d8cd98f00b204e9800998ecf8427e\n', ''],
  'header lines end in bare LF': ['HTTP/1.0 200 OK\nContent-Length: 6\n\nhello\n', '', 'no data received from remote webserver\n'],
  'no header': ['hello\n', '', 'no data received from remote webserver\n'],
};

let reply = '';
let request = '';
const server = createServer((socket: Socket) => {
  socket.once('data', (data) => {
    request = data.toString('latin1');
    socket.end(Buffer.from(reply, 'latin1'));
  });
  socket.on('error', () => {});
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const port = String((server.address() as AddressInfo).port);
t.teardown(() => server.close());

interface Result { readonly status: number | null; readonly stdout: string; readonly stderr: string }

function run(program: string, args: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('latin1').on('data', (text: string) => (stderr += text));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const ours = (...args: string[]): Promise<Result> => run(process.execPath, [PROGRAM, ...args]);
const theirs = (...args: string[]): Promise<Result> => run('keepalived', ['--genhash', ...args]);
const original = spawnSync('keepalived', ['--version'], { encoding: 'utf8' }).status === 0;

for (const [title, [text, stdout, stderr]] of Object.entries(REPLIES)) {
  t.test(`digest of a reply with ${title}`, async (t) => {
    reply = text;
    t.same(await ours('-s', '127.0.0.1', '-p', port, '-u', '/x'), { status: 0, stdout, stderr });
    t.equal(request, `GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  });
}

t.test('requests by protocol version and virtual host', async (t) => {
  [reply] = REPLIES['no Content-Length']!;
  await ours('-s127.0.0.1', `-p${port}`, '--url=/y', '--protocol', '1.0c');
  t.equal(request, `GET /y HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await ours('-s', '127.0.0.1', '-p', port, '-u', '/y', '-P', '1.1', '-V', 'vh.example.org');
  t.equal(request, 'GET /y HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: vh.example.org\r\n\r\n');
});

t.test('wrong usage is status 1 with the original\'s words, a refused connection status 0', async (t) => {
  for (const [args, line] of [
    [[], 'Usage: tsgenhash COMMAND [OPTIONS]'], [['-h'], 'Usage: tsgenhash COMMAND [OPTIONS]'], [['-s', 'foo', '-p', '1', '-u', '/'], 'server should be an IP, not foo'],
    [['-s', '127.0.0.1', '-p', 'abc', '-u', '/'], 'invalid port number \'abc\''], [['-z'], 'Unknown option -z'], [['-s', '127.0.0.1', '-p', '1', '-u'], 'Missing parameter for option -u'],
    [['-s', '127.0.0.1', '-p', '1', '-u', '/', '-P', '2'], 'invalid HTTP protocol version \'2\''], [['-s', '127.0.0.1', '-p', '1', '-u', '/', 'extra'], 'Unexpected argument(s): extra'],
  ] as const) {
    const { status, stdout, stderr } = await ours(...args);
    t.same([status, stdout, stderr.split('\n')[0]], [1, '', line]);
  }
  t.same(await ours('-s', '127.0.0.1', '-p', '1', '-u', '/'), { status: 0, stdout: 'Connection failed\n', stderr: '' });
});

t.test('a server that says nothing, or not all, is a timeout', async (t) => {
  const silent = createServer((socket) => void socket.on('data', () => {}).on('error', () => {}).write(said));
  let said = '';
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const at = String((silent.address() as AddressInfo).port);
  t.same(await ours('-t', '1', '-s', '127.0.0.1', '-p', at, '-u', '/'), { status: 0, stdout: 'Timeout WEB read\n', stderr: '' });
  said = 'HTTP/1.0 200 OK\r\n';
  t.same(await ours('-t', '1', '-s', '127.0.0.1', '-p', at, '-u', '/'), { status: 0, stdout: 'Timeout HTTP read\n', stderr: '' });
  silent.close();
});

t.test('the same as the original, on the same replies', { skip: original ? false : 'keepalived is not installed' }, async (t) => {
  const octets = 'HTTP/1.0 200 OK\r\nX: \x01\x7f\xe9\r\n\r\n\x00\xff and more than sixteen octets';
  for (const [text] of [...Object.values(REPLIES), [octets]]) {
    for (const verbose of [[], ['-v']]) {
      reply = text;
      const args = ['-s', '127.0.0.1', '-p', port, '-u', '/z', ...verbose];
      const [first, second] = [await ours(...args), await theirs(...args)];
      if (verbose.length > 0 && second.stderr !== '') continue; // the original goes on printing empty buffers
      const timeless = ({ status, stdout, stderr }: Result): Result => ({ status, stdout: stdout.replace(/= \d+ usecs/, '= N usecs'), stderr });
      t.same(timeless(first), timeless(second), JSON.stringify(text.slice(0, 40)));
    }
  }
});
