/**
 * Connections in a capture: TCP ones that begin with a SYN, UDP ones with their first datagram, by service (protocol, address and port that were
 * connected to). Packets of both directions make a connection longer. What was open before the capture began is left out.
 */
import { parse } from '../../dataplane/parse.ts';
import { Packet } from '../../dataplane/packet.ts';
import { CONTINUE } from '../../dataplane/verdict.ts';
import type { Capture } from '../../device/capture.ts';
import { DROP_REASONS } from '../../model/drop-reason.ts';
import { protocolName } from '../../model/protocol.ts';
import { formatAddress, swap16 } from '../../wire/address.ts';
import { FrameMemory, HEADROOM } from '../../wire/frame.ts';
import { ACK, FIN, RST, SYN } from '../../wire/tcp.ts';
import type { TraceFlow } from './trace.ts';

const FRAME_OFF = HEADROOM + 2;
/** Enough for all headers; nothing looks at the data. */
const HEADER_BYTES = 256;
/** A UDP client that was silent for so long has begun anew. */
const UDP_SILENCE_MS = 300_000;

interface OpenFlow { readonly atMs: number; readonly client: string; readonly port: number; lastMs: number; closing: boolean }

/** By service key; the flows of each by beginning, times since the capture's first frame. */
export function captureFlows({ bytes, frames }: Capture): Map<string, TraceFlow[]> {
  const services = new Map<string, OpenFlow[]>();
  const open = new Map<string, OpenFlow>();
  const packet = new Packet();
  const memory = new FrameMemory(new ArrayBuffer(HEADROOM + HEADER_BYTES));
  const drops = new Float64Array(DROP_REASONS.length);
  const [first] = frames;
  for (const { seconds, nanoseconds, off, len, originalLength } of frames) {
    const present = Math.min(len, HEADER_BYTES - 2);
    memory.u8.fill(0);
    memory.u8.set(bytes.subarray(off, off + present), FRAME_OFF);
    // The claimed length: a frame that was cut by the snap length, or here, is whole as far as its headers go.
    if (parse(packet, 0, memory, FRAME_OFF, Math.max(present, originalLength), 0, drops) !== CONTINUE || packet.isFragment) continue;
    const protocol = protocolName(packet.protocol);
    if (protocol === undefined || protocol === 'sctp' || packet.truncated) continue;
    const atMs = (seconds - first!.seconds) * 1000 + (nanoseconds - first!.nanoseconds) / 1e6;
    const { family, s0, s1, s2, s3, d0, d1, d2, d3, ports, tcpFlags } = packet;
    const source = formatAddress(family, s0, s1, s2, s3), target = formatAddress(family, d0, d1, d2, d3);
    const sourcePort = swap16(ports & 0xffff), targetPort = swap16(ports >>> 16);
    const there = `${protocol} ${source} ${sourcePort} ${target} ${targetPort}`;
    const known = open.get(there) ?? open.get(`${protocol} ${target} ${targetPort} ${source} ${sourcePort}`);
    const begins = protocol === 'tcp' ? (tcpFlags & (SYN | ACK)) === SYN && (known === undefined || known.closing) : known === undefined || atMs - known.lastMs > UDP_SILENCE_MS;
    if (begins) {
      const flow: OpenFlow = { atMs, client: source, port: sourcePort, lastMs: atMs, closing: false };
      open.set(there, flow);
      const key = `${protocol} ${target} ${targetPort}`;
      const flows = services.get(key);
      if (flows === undefined) services.set(key, [flow]);
      else flows.push(flow);
    } else if (known !== undefined) {
      known.lastMs = Math.max(known.lastMs, atMs);
      if (protocol === 'tcp' && (tcpFlags & (FIN | RST)) !== 0) known.closing = true;
    }
  }
  return new Map([...services].map(([key, flows]) => [key, flows.map(({ atMs, client, port, lastMs }) => ({ atMs, client, port, lengthMs: lastMs - atMs })).sort((a, b) => a.atMs - b.atMs)]));
}
