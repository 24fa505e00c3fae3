import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { notifyServiceManager } from '../lib/service-manager.ts';
import { bind, closeFd, MSG_DONTWAIT, nativeProblem, receive, sockaddrUn, socket } from '../native-shims/index.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

t.test('readiness is one datagram to the socket of NOTIFY_SOCKET, in the file system or abstract', { skip: nativeProblem() ?? false }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'notify-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of [join(directory, 'notify'), `@tsipvs-test-${process.pid}`]) {
    const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    t.teardown(() => closeFd(fd));
    bind(fd, sockaddrUn(name));
    t.equal(notifyServiceManager(name, 'READY=1'), null);
    const bytes = new Uint8Array(64);
    const length = receive(fd, bytes, null, MSG_DONTWAIT);
    t.equal(Buffer.from(bytes.subarray(0, Math.max(0, length))).toString(), 'READY=1');
  }
});

t.test('without NOTIFY_SOCKET nobody is told; a socket that is not there is one line', async (t) => {
  t.equal(notifyServiceManager(undefined, 'READY=1'), null);
  t.equal(notifyServiceManager('', 'READY=1'), null);
  t.match(notifyServiceManager('/nonexistent/notify', 'READY=1'), /cannot notify the service manager/);
});
