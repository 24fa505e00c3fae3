/** Classic BPF programs (socket(7), SO_ATTACH_FILTER) for sockets of probes. */
import { addressOf, setsockopt } from '../../../native-shims/index.ts';
import { keyOffset, PROTOCOL } from './packets.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const LD_BYTE = 0x30;
const LD_HALF = 0x28;
const LD_HALF_INDEXED = 0x48;
const LDX_HEADER_LENGTH = 0xb1;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const WHOLE_PACKET = 0x40000;
const IPV6_HEADER = 40;

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, k: number];

/** As many as one byte of a jump reaches. */
export const MAX_PORTS = 200;

/** Takes nothing: what the kernel would answer with a reset or an ICMP error is dropped at the socket instead. */
export function attachNothing(fd: number): void {
  attach(fd, [[RETURN, 0, 0, 0]]);
}

/** Packets (from the IP header on) to one of these ports, and ICMP messages that have one where the source port of a quoted packet stands. */
export function attachPorts(fd: number, family: 4 | 6, ports: readonly number[]): void {
  const icmpKey = keyOffset(family === 6);
  const load: readonly Instruction[] = family === 4
    ? [[LD_BYTE, 0, 0, 9], [LDX_HEADER_LENGTH, 0, 0, 0], [JUMP_EQUAL, 0, 2, PROTOCOL.icmpv4], [LD_HALF_INDEXED, 0, 0, icmpKey], [JUMP, 0, 0, 1], [LD_HALF_INDEXED, 0, 0, 2]]
    : [[LD_BYTE, 0, 0, 6], [JUMP_EQUAL, 0, 2, PROTOCOL.icmpv6], [LD_HALF, 0, 0, IPV6_HEADER + icmpKey], [JUMP, 0, 0, 1], [LD_HALF, 0, 0, IPV6_HEADER + 2]];
  const chain = ports.map((port, n): Instruction => [JUMP_EQUAL, ports.length - n, 0, port]);
  attach(fd, [...load, ...chain, [RETURN, 0, 0, 0], [RETURN, 0, 0, WHOLE_PACKET]]);
}

function attach(fd: number, program: readonly Instruction[]): void {
  const code = new Uint8Array(program.length * 8);
  const view = new DataView(code.buffer);
  program.forEach(([operation, whenTrue, whenFalse, k], n) => {
    view.setUint16(n * 8, operation, true);
    view.setUint8(n * 8 + 2, whenTrue);
    view.setUint8(n * 8 + 3, whenFalse);
    view.setUint32(n * 8 + 4, k, true);
  });
  const fprog = new Uint8Array(16);
  const fields = new DataView(fprog.buffer);
  fields.setUint16(0, program.length, true);
  fields.setBigUint64(8, BigInt(addressOf(code)), true);
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog);
}
