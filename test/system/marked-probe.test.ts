/** Probes with a firewall mark, a source address or an interface: what the target sees, and that the kernel took the mark. */
import t from 'tap';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { ProbeTarget } from '../../lib/health/checker.ts';
import { runProbe } from '../../lib/health/index.ts';
import { markSocket } from '../../lib/device/marked-socket.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';
import { closeFd, getsockopt, socket } from '../../native-shims/index.ts';
import { TIMING, TcpTarget } from '../health/checker-cases.ts';

const SKIP = process.getuid?.() === 0 ? false : 'marks need CAP_NET_ADMIN';

async function seen(target: Partial<ProbeTarget>): Promise<{ from: string | undefined; outcome: object }> {
  let from: string | undefined;
  const server = new TcpTarget((socket: Socket) => void (from = `${socket.remoteAddress}:${socket.remotePort}`));
  const port = await server.listen();
  const outcome = await runProbe({ check: { kind: 'tcp' }, timing: { ...TIMING, timeoutSec: 5 }, target: {}, name: 'TCP_CHECK' }, { address: '127.0.0.1', port, ...target }, 0, hostSockets);
  for (let wait = 0; from === undefined && wait < 50; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
  server.close();
  return { from, outcome };
}

t.test('source address and port', async (t) => {
  t.match(await seen({ bindAddress: '127.7.7.7' }), { from: /127\.7\.7\.7:/, outcome: { ok: true } });
  t.match(await seen({ bindAddress: '192.0.2.1' }), { outcome: { ok: false, error: 'the address to bind to is not on this host' } });
});

t.test('mark and interface', { skip: SKIP }, async (t) => {
  t.match(await seen({ fwmark: 7, bindAddress: '127.7.7.8' }), { from: /127\.7\.7\.8:/, outcome: { ok: true } });
  t.match(await seen({ bindInterface: 'lo' }), { from: /127\.0\.0\.1:/, outcome: { ok: true } });
  t.match(await seen({ bindInterface: 'no-such-if' }), { outcome: { ok: false, error: /ENODEV/ } });
});

t.test('datagrams and pings are marked too', { skip: SKIP }, async (t) => {
  const fd = socket(2, 2, 0);
  markSocket(fd, { fwmark: 7 });
  const mark = new Int32Array(1);
  getsockopt(fd, 1, 36, new Uint8Array(mark.buffer));
  closeFd(fd);
  t.equal(mark[0], 7);
  const echo = createSocket('udp4');
  let from = '';
  echo.on('message', (message, peer) => {
    from = peer.address;
    echo.send(message, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => echo.bind(0, resolve));
  const timing = { ...TIMING, timeoutSec: 5 };
  const udp = { kind: 'udp', payload: 'ab', requireReply: true, minLength: 1, maxLength: 1 } as const;
  t.match(await runProbe({ check: udp, timing, target: {}, name: 'UDP_CHECK' }, { address: '127.0.0.1', port: echo.address().port, fwmark: 7, bindAddress: '127.7.7.9' }, 0, hostSockets), { ok: true });
  t.equal(from, '127.7.7.9');
  echo.close();
  t.match(await runProbe({ check: { kind: 'ping' }, timing, target: {}, name: 'PING_CHECK' }, { address: '127.0.0.1', port: 0, fwmark: 7, bindAddress: '127.7.7.9', bindInterface: 'lo' }, 0, hostSockets), { ok: true });
  t.match(await runProbe({ check: { kind: 'ping' }, timing, target: {}, name: 'PING_CHECK' }, { address: '127.0.0.1', port: 0, bindInterface: 'no-such-if' }, 0, hostSockets), { ok: false, error: /ENODEV/ });
});
