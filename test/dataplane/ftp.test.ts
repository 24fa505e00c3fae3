import t from 'tap';
import { swap16 } from '../../lib/wire/address.ts';
import { activeCommand, passiveCommand, passiveReply } from '../../lib/dataplane/ftp-commands.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { addressBytes, transportChecksum } from '../support/frame-view.ts';
import { CLIENT, CLIENT6, destination, server, tcpFrame, tcpService, TestDirector, VIP, VIP6, type Outcome } from '../support/frames.ts';

const { syn, ack, psh } = TCP_FLAG;

const data = (out: Outcome): string => out.l4!.subarray((out.l4![12]! >> 4) * 4).toString();
const sequence = (out: Outcome): number => out.l4!.readUInt32BE(4);
const acknowledged = (out: Outcome): number => out.l4!.readUInt32BE(8);
const whole = (out: Outcome): boolean => [0, 0xffff].includes(transportChecksum(addressBytes(out.src!), addressBytes(out.dst!), 6, out.l4!));

/** An established control connection. */
function session(family: 4 | 6 = 4, client = family === 4 ? CLIENT : CLIENT6, vip = family === 4 ? VIP : VIP6): {
  director: TestDirector; say: (text: string, seq?: number, ack?: number, options?: Buffer) => Outcome; reply: (text: string, seq: number) => Outcome;
} {
  const director = new TestDirector().serve(tcpService(21, {}, vip), destination(server(1, family), 21));
  director.send(tcpFrame(client, 40001, vip, 21, syn));
  director.send(tcpFrame(server(1, family), 21, client, 40001, syn | ack));
  director.send(tcpFrame(client, 40001, vip, 21, ack));
  return {
    director,
    say: (text, seq = 1, acked = 1, options = Buffer.alloc(0)) => director.send(tcpFrame(client, 40001, vip, 21, ack | psh, { seq, ack: acked, data: Buffer.from(text), options }))[0]!,
    reply: (text, seq) => director.send(tcpFrame(server(1, family), 21, client, 40001, ack | psh, { seq, ack: 7, data: Buffer.from(text) }))[0]!,
  };
}

t.test('a passive reply names the virtual address, later sequence numbers and acknowledgements are shifted, and the data connection works', async (t) => {
  const { director, say, reply } = session();
  t.equal(data(say('PASV\r\n')), 'PASV\r\n');
  const rewritten = reply('227 Entering Passive Mode (10,1,0,1,200,17).\r\n', 5000);
  t.equal(data(rewritten), '227 Entering Passive Mode (192,0,2,10,200,17).\r\n');
  t.equal(sequence(rewritten), 5000);
  t.ok(whole(rewritten));
  t.match(director.connections().find(({ virtualPort }) => virtualPort === 51217), { state: 'LISTEN', clientPort: 0, destinationPort: 51217 });
  const later = reply('226 done\r\n', 5046);
  t.equal(sequence(later), 5048);
  t.ok(whole(later));
  const sack = Buffer.from([1, 1, 5, 10, ...u32(5048), ...u32(5058)]);
  const acknowledgement = say('', 7, 5058, sack);
  t.equal(acknowledged(acknowledgement), 5056);
  t.same([acknowledgement.l4!.readUInt32BE(24), acknowledgement.l4!.readUInt32BE(28)], [5046, 5056]);
  t.ok(whole(acknowledgement));
  t.match(director.send(tcpFrame(CLIENT, 50123, VIP, 51217, syn)), [{ kind: 'transmit', dst: server(1), dport: 51217 }]);
  t.match(director.send(tcpFrame(server(1), 51217, CLIENT, 50123, syn | ack)), [{ src: VIP, sport: 51217, dport: 50123 }]);
  t.equal(director.connections().length, 2);
});

t.test('an active data connection begun by the server comes from the virtual address, port 20', async (t) => {
  const { director, say } = session();
  const port = say('PORT 203,0,113,7,156,70\r\n');
  t.equal(data(port), 'PORT 203,0,113,7,156,70\r\n');
  t.match(director.send(tcpFrame(server(1), 20, CLIENT, 40006, syn)), [{ kind: 'transmit', src: VIP, sport: 20, dport: 40006 }]);
  t.match(director.send(tcpFrame(CLIENT, 40006, VIP, 20, syn | ack)), [{ dst: server(1), dport: 20 }]);
});

t.test('the extended commands do the same, IPv6 too', async (t) => {
  for (const family of [4, 6] as const) {
    const client = family === 4 ? CLIENT : CLIENT6;
    const vip = family === 4 ? VIP : VIP6;
    const { director, say, reply } = session(family);
    say('EPSV\r\n');
    t.equal(data(reply('229 Entering Extended Passive Mode (|||6446|)\r\n', 9)), '229 Entering Extended Passive Mode (|||6446|)\r\n');
    t.match(director.send(tcpFrame(client, 50123, vip, 6446, syn)), [{ dst: server(1, family), dport: 6446 }]);
    say(`EPRT |${family === 4 ? 1 : 2}|${client}|40006|\r\n`);
    t.match(director.send(tcpFrame(server(1, family), 20, client, 40006, syn)), [{ src: vip, sport: 20 }]);
  }
});

t.test('a reply nobody asked for, and a reply before the connection is established, stay as they are', async (t) => {
  const { director, reply } = session();
  const text = '227 Entering Passive Mode (10,1,0,1,200,17).\r\n';
  t.equal(data(reply(text, 5000)), text);
  t.equal(director.connections().length, 1);
});

t.test('a damaged control segment is dropped', async (t) => {
  const { director } = session();
  t.same(director.send(tcpFrame(CLIENT, 40001, VIP, 21, ack | psh, { data: Buffer.from('PASV\r\n'), badChecksum: true })), []);
  t.same(director.drops(), { badChecksum: 1 });
});

t.test('a control connection lives as long as its data connections', async (t) => {
  const { director, say } = session();
  say('PORT 203,0,113,7,156,70\r\n');
  director.send(tcpFrame(server(1), 20, CLIENT, 40006, syn), tcpFrame(server(1), 20, CLIENT, 40006, ack));
  director.wait(800_000);
  director.send(tcpFrame(CLIENT, 40006, VIP, 20, syn | ack), tcpFrame(CLIENT, 40006, VIP, 20, ack));
  director.wait(200_000);
  t.same(director.connections().map(({ virtualPort }) => virtualPort), [21, 20]);
  director.wait(900_000);
  t.same(director.connections(), []);
});

t.test('lines are read only when they are whole and well-formed', async (t) => {
  t.equal(passiveCommand('pasv\r\n', 4), 'PASV');
  t.equal(passiveCommand('PASV\r\n', 6), null);
  t.equal(passiveCommand('EPSV 2\r\n', 4), null);
  t.equal(passiveCommand('EPSV 2\r\n', 6), 'EPSV');
  t.equal(passiveCommand('EPSV ALL\r\n', 4), null);
  for (const text of ['227 (1,2,3,4,5', '227 (1,2,3,4,5,6', '227 x', ' 227 (1,2,3,4,5,6)', '228 (1,2,3,4,5,6)']) t.equal(passiveReply(text, 'PASV', 4), null, text);
  t.match(passiveReply('227 =1,2,3,4,5,6\r\n', 'PASV', 4), { port: 5 * 256 + 6 });
  for (const text of ['229 (|||)', '229 (|||70000|)', '229 (||1.2|99|)', '229 |||99|', '229 (|2||99|)']) t.equal(passiveReply(text, 'EPSV', 4), null, text);
  t.match(passiveReply('229 ok (!1!10.1.0.9!99!)', 'EPSV', 4), { port: 99 });
  for (const text of ['PORT1,2,3,4,5,6\r\n', 'EPRT |1||99|', 'PORT 1,2,3', '']) t.equal(activeCommand(text, 4), null, text);
  t.match(activeCommand('port 1,2,3,4,0,21\r\n', 4), { port: 21 });
  t.equal(swap16(21), 0x1500);
});

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
