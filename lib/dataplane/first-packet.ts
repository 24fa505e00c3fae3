/** The first packet of a flow that is only asked about: a SYN, a datagram or an INIT, as far as the walk looks at it. */
import { parseAddress, swap16, type ParsedAddress } from '../wire/address.ts';
import { FrameMemory } from '../wire/frame.ts';
import { CHUNK, SCTP_LENGTH } from '../wire/sctp.ts';
import { SYN, TCP_LENGTH } from '../wire/tcp.ts';
import { UDP_LENGTH } from '../wire/udp.ts';
import type { FlowQuestion } from '../model/explanation.ts';
import { IPPROTO, protocolNumber } from '../model/protocol.ts';
import { Packet } from './packet.ts';

const IPV4_LENGTH = 20, IPV6_LENGTH = 40, ETHERNET_LENGTH = 14;
const L3_OFF = 16;
const INIT_LENGTH = 20;

export function firstPacket({ protocol, client, clientPort, virtual, virtualPort, callId }: FlowQuestion, interfaceIdx: number): Packet {
  const source = parseAddress(client) as ParsedAddress;
  const target = parseAddress(virtual) as ParsedAddress;
  const p = new Packet();
  p.interfaceIdx = interfaceIdx;
  p.family = source.family;
  p.protocol = protocolNumber[protocol];
  [p.s0, p.s1, p.s2, p.s3] = source.words as unknown as [number, number, number, number];
  [p.d0, p.d1, p.d2, p.d3] = target.words as unknown as [number, number, number, number];
  p.ports = swap16(clientPort) | (swap16(virtualPort) << 16);
  const payload = protocol === 'udp' && callId !== undefined ? Buffer.from(`OPTIONS sip:service SIP/2.0\r\nCall-ID: ${callId}\r\n\r\n`) : Buffer.alloc(0);
  p.l3Off = L3_OFF;
  p.off = L3_OFF - ETHERNET_LENGTH;
  p.l4Off = L3_OFF + (p.family === 4 ? IPV4_LENGTH : IPV6_LENGTH);
  const header = p.protocol === IPPROTO.tcp ? TCP_LENGTH : p.protocol === IPPROTO.udp ? UDP_LENGTH : SCTP_LENGTH + INIT_LENGTH;
  p.l3End = p.l4Off + header + payload.length;
  p.len = p.l3End - p.off;
  p.memory = new FrameMemory(new ArrayBuffer((p.l3End + 7) & ~7));
  if (p.protocol === IPPROTO.tcp) p.tcpFlags = SYN;
  if (p.protocol === IPPROTO.sctp) {
    p.memory.u8[p.l4Off + SCTP_LENGTH] = CHUNK.init;
    p.memory.u8[p.l4Off + SCTP_LENGTH + 3] = INIT_LENGTH;
  }
  p.memory.u8.set(payload, p.l4Off + header);
  return p;
}
