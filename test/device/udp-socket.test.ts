/** Datagrams by bare system calls: there and back, ICMP errors, a flood that nobody wants, and what is left open. */
import t from 'tap';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { DatagramListener, Datagrams } from '../../lib/device/byte-stream.ts';
import { udpSocket } from '../../lib/device/udp-socket.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const SKIP = nativeProblem() ?? false;
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

class Told implements DatagramListener {
  readonly events: string[] = [];
  readonly onEvent: (event: string) => void;
  constructor(onEvent: (event: string) => void = () => {}) { this.onEvent = onEvent; }
  opened(): void { this.#add('opened'); }
  received(bytes: Uint8Array): void { this.#add(Buffer.from(bytes).toString('latin1')); }
  failed(error: NodeJS.ErrnoException): void { this.#add(error.code ?? error.message); }
  #add(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }
}

async function peer(address: '127.0.0.1' | '::1', behave: (socket: Socket, port: number, from: string, datagram: Buffer) => void): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
  socket.on('message', (datagram, from) => behave(socket, from.port, from.address, datagram));
  socket.bind(0, address);
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

/** Open, send "ask" and wait for an event that `ends`. */
function asked(target: { address: string; port: number; bindAddress?: string }, ends: (event: string) => boolean): Promise<{ told: Told; datagrams: Datagrams }> {
  return new Promise((resolve) => {
    const datagrams = udpSocket(target)!;
    const told: Told = new Told((event) => {
      if (event === 'opened') datagrams.send(Buffer.from('ask'));
      if (ends(event)) setImmediate(() => resolve({ told, datagrams }));
    });
    datagrams.open(told);
  });
}

t.test('there and back over both families, from an address that was asked for', { skip: SKIP }, async (t) => {
  for (const [address, bindAddress] of [['127.0.0.1', '127.0.0.9'], ['::1', '::1']] as const) {
    const { socket, port } = await peer(address, (own, to, from, datagram) => own.send(`${datagram} from ${from}`, to, from));
    const { told, datagrams } = await asked({ address, port, bindAddress }, (event) => event.startsWith('ask'));
    t.same(told.events, ['opened', `ask from ${bindAddress}`]);
    datagrams.close();
    socket.close();
  }
});

t.test('a closed port, an address that is not here, a name', { skip: SKIP }, async (t) => {
  t.same((await asked({ address: '127.0.0.1', port: 1 }, (event) => event !== 'opened')).told.events, ['opened', 'ECONNREFUSED']);
  t.same((await asked({ address: '127.0.0.1', port: 1, bindAddress: '203.0.113.9' }, () => true)).told.events, ['EADDRNOTAVAIL']);
  t.equal(udpSocket({ address: 'localhost', port: 1 }), null);
});

t.test('a flood lets others have their turn, and ends with the socket', { skip: SKIP }, async (t) => {
  let pours = true;
  const { socket, port } = await peer('127.0.0.1', (own, to, from) => {
    const pour = (): void => {
      if (!pours) return;
      for (let n = 0; n < 50; n++) own.send('flood', to, from);
      setImmediate(pour);
    };
    pour();
  });
  const { told, datagrams } = await asked({ address: '127.0.0.1', port }, (event) => event === 'flood');
  const quiet = await peer('127.0.0.1', (own, to, from) => own.send('answer', to, from));
  const beside = await asked({ address: '127.0.0.1', port: quiet.port }, (event) => event === 'answer');
  t.same(beside.told.events, ['opened', 'answer']);
  while (told.events.length < 100) await new Promise((resolve) => setImmediate(resolve));
  datagrams.close();
  const heard = told.events.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.equal(told.events.length, heard);
  pours = false;
  beside.datagrams.close();
  socket.close();
  quiet.socket.close();
});

t.test('no descriptor is left', { skip: SKIP }, async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  for (let n = 0; n < 100; n++) {
    const datagrams = udpSocket({ address: '127.0.0.1', port: 1, ...(n % 4 === 0 ? { bindAddress: '203.0.113.9' } : {}) })!;
    datagrams.open(new Told());
    datagrams.send(Buffer.from('x'));
    datagrams.send(Buffer.from('x'));
    datagrams.close();
    datagrams.close();
  }
  t.equal(readdirSync('/proc/self/fd').length, before);
});
