import t from 'tap';
import { CLIENT, destination, server, TestDirector, udpFrame, udpService, VIP } from '../support/frames.ts';

const invite = (callId: string | null, name = 'Call-ID'): string =>
  `INVITE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9\r\n${callId === null ? '' : `${name}: ${callId}\r\n`}CSeq: 1 INVITE\r\n\r\n`;

const sipDirector = (): TestDirector => new TestDirector()
  .serve(udpService(5060, { persistenceSec: 60, persistenceEngine: 'sip' }), destination(server(1), 5060), destination(server(2), 5060));

t.test('calls go by their Call-ID, whatever the port of the client', async (t) => {
  const director = sipDirector();
  const pick = (port: number, callId: string): string => director.send(udpFrame(CLIENT, port, VIP, 5060, invite(callId)))[0]!.dst!;
  t.same([pick(1, 'aaa@host'), pick(2, 'bbb@host'), pick(3, 'aaa@host'), pick(4, 'bbb@host'), pick(5, 'ccc')], [2, 1, 2, 1, 2].map((n) => server(n)));
  t.same(director.connections().filter(({ template }) => template).map(({ pe, peData, client, clientPort }) => [pe, peData, client, clientPort]),
    ['aaa@host', 'bbb@host', 'ccc'].map((callId) => ['sip', callId, CLIENT, 0]));
  director.wait(400_000);
  t.same(director.connections(), []);
  t.equal(pick(1, 'bbb@host'), server(1), 'forgotten and scheduled anew');
});

t.test('the header may be short, in any case, with blanks, and behind bare line ends', async (t) => {
  for (const message of [invite('x@y', 'i'), invite('x@y', 'CALL-id  '), invite('  x@y'), invite('x@y').replaceAll('\r\n', '\n')]) {
    const director = sipDirector();
    director.send(udpFrame(CLIENT, 1, VIP, 5060, message));
    t.equal(director.connections().find(({ template }) => template)?.peData, 'x@y', JSON.stringify(message.slice(60, 110)));
  }
});

t.test('without a usable Call-ID the datagram is dropped with its reason', async (t) => {
  for (const message of [invite(null), invite('x@'), invite('y'.repeat(256)), invite('x@y', 'Id'), invite('x y'), 'INVITE\r\nCall-ID: open', '']) {
    const director = sipDirector();
    t.same(director.send(udpFrame(CLIENT, 1, VIP, 5060, message)), [], JSON.stringify(message.slice(0, 90)));
    t.same(director.drops(), { persistenceEngine: 1 });
  }
});

t.test('a template that is no longer used still shows its Call-ID', async (t) => {
  const director = sipDirector();
  director.send(udpFrame(CLIENT, 1, VIP, 5060, invite('aaa')));
  director.edit({ op: 'deleteDestination', id: udpService(5060).id, address: server(2), port: 5060 });
  t.equal(director.send(udpFrame(CLIENT, 2, VIP, 5060, invite('aaa')))[0]!.dst, server(1));
  t.same(director.connections().filter(({ template }) => template).map(({ virtualPort, peData }) => [virtualPort, peData]), [[65535, 'aaa'], [5060, 'aaa']]);
  director.wait(400_000);
  t.same(director.connections(), []);
});

t.test('a call that a real server begins comes from the virtual address and is tied to that server', async (t) => {
  const director = sipDirector();
  t.match(director.send(udpFrame(server(1), 5060, CLIENT, 5060, invite('zzz'))), [{ kind: 'transmit', src: VIP, sport: 5060, dst: CLIENT }]);
  t.equal(director.send(udpFrame(CLIENT, 7777, VIP, 5060, invite('zzz')))[0]!.dst, server(1));
});
