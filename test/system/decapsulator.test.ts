import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath, startProcess } from '../../lib/lab/lab-process.ts';
import { isAlive, labDirectory } from '../../lib/lab/lab-state.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { grePacket, guePacket, ipv4Packet, ipv6Packet, udpDatagram } from '../lab/decap/tunnel-packets.ts';
import { labCase, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tdecap';
const CLIENT_PORT = 5555;

/** Outer protocol, payload around the inner packet, UDP port. */
const TUNNELS: readonly (readonly [string, (inner: Buffer) => readonly [number, Buffer, number]])[] = [
  ['IP in IP', (inner) => [inner[0]! >> 4 === 4 ? 4 : 41, inner, 0]],
  ['GRE', (inner) => [47, grePacket(inner, {}), 0]],
  ['GRE with checksum', (inner) => [47, grePacket(inner, { checksum: true }), 0]],
  ['GUE', (inner) => [17, guePacket(inner), 6080]],
];

t.test('a real server without kernel tunnels answers what arrives in one', { skip: SKIP, timeout: 60_000 }, async (t) => {
  await labCase(t, { mode: 'tun', servers: 1, prefix: PREFIX }, async (lab) => {
    const { vip4, vip6, servers: [server] } = lab.topology;
    const datagram = udpDatagram(CLIENT_PORT, 7, Buffer.from('hello'));
    const inner = { 4: ipv4Packet('198.51.100.10', vip4, 17, datagram), 6: ipv6Packet('2001:db8:c::10', vip6, 17, datagram) } as const;
    for (const [title, wrap] of TUNNELS) {
      for (const innerFamily of [4, 6] as const) {
        for (const outer of [server!.address4, server!.address6]) {
          const answer = await exchange(lab, innerFamily, () => wrap(inner[innerFamily]), outer);
          t.equal(answer, `${innerFamily === 4 ? vip4 : vip6} 7 rs1 hello`, `${title}, IPv${innerFamily} in a packet to ${outer}`);
        }
      }
    }
  });
});

t.test('tunnel packets that are not for the VIP go nowhere, and draw no "protocol unreachable"', { skip: SKIP, timeout: 60_000 }, async (t) => {
  await labCase(t, { mode: 'tun', servers: 1, prefix: PREFIX }, async (lab) => {
    const { address4 } = lab.topology.servers[0]!;
    const stranger = ipv4Packet('198.51.100.10', address4, 17, udpDatagram(CLIENT_PORT, 7, Buffer.from('hello')));
    t.equal(await exchange(lab, 4, () => [4, stranger, 0], address4), 'nothing');
    const { stdout } = await lab.run('rs1', ['cat', '/proc/net/snmp']);
    const [names, values] = stdout.split('\n').filter((l) => l.startsWith('Icmp:')).map((l) => l.split(' '));
    t.equal(values![names!.indexOf('OutDestUnreachs')], '0');
  });
});

async function exchange(lab: RunningLab, family: 4 | 6, packet: () => readonly [number, Buffer, number], outer: string): Promise<string> {
  const { client, director } = lab.topology;
  const log = join(labDirectory(lab.topology.prefix), 'await.log');
  const waiting = await startProcess({
    what: 'await', log, namespace: client.namespace, readyPattern: /bound/,
    argv: [process.execPath, programPath('test/system/await-datagram.js'), family === 4 ? '198.51.100.10' : '2001:db8:c::10', String(CLIENT_PORT)],
  });
  const [protocol, payload, port] = packet();
  await lab.run(director.name, [process.execPath, programPath('test/system/send-packet.js'), String(protocol), outer, payload.toString('hex'), String(port)]);
  while (isAlive(waiting)) await sleep(10);
  return readFileSync(log, 'utf8').split('\n')[1] ?? '';
}
