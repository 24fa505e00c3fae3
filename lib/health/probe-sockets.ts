/**
 * The host's own sockets for checkers: bare system calls where they will do, Node's where the native part is missing, an address is a name or has a scope, and
 * for TLS. A bind address, port, interface or mark goes onto the socket before it connects.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { connectMarked, datagramMarked } from '../device/marked-socket.ts';
import { ping } from '../device/ping-socket.ts';
import { tcpSocket } from '../device/tcp-socket.ts';
import { udpSocket } from '../device/udp-socket.ts';
import type { PathTarget } from '../device/vip-path/path-target.ts';
import { VipPath } from '../device/vip-path/vip-path.ts';
import type { ProbeSockets, ProbeTarget } from './checker.ts';
import { NodeDatagrams, NodeStream, type ConnectingDatagrams } from './node-stream.ts';

/** One for the process: it has a socket of each family, whoever probes. */
let vipPath: VipPath | null = null;

export const hostSockets: ProbeSockets = {
  stream: (target) => (isPath(target) ? null : tcpSocket(target)) ?? new NodeStream(() => connecting(target)),
  secureStream: (target, tls) => new NodeStream(() => connecting(target), tls),
  datagrams: (target) => (isPath(target) ? null : udpSocket(target)) ?? new NodeDatagrams(() => connectingDatagrams(target)),
  ping(target, family, signal) {
    if (!isPath(target)) return ping(target, family, signal);
    return (vipPath ??= new VipPath()).ping(target, (aborted) => signal.addEventListener('abort', aborted, { once: true }));
  },
};

/** Node's sockets alone: what is used where there is nothing better. */
export const nodeSockets: ProbeSockets = {
  ...hostSockets,
  stream: (target) => new NodeStream(() => connecting(target)),
  datagrams: (target) => new NodeDatagrams(() => connectingDatagrams(target)),
};

/** A socket of Node's, or what is like one, that will emit 'connect'. */
export function connecting(target: ProbeTarget): Duplex {
  if (isPath(target)) return (vipPath ??= new VipPath()).tcp(target);
  if (target.fwmark || target.bindInterface) return connectMarked(target);
  return connect({
    host: target.address, port: target.port, ...(target.bindAddress === undefined ? {} : { localAddress: target.bindAddress }),
    ...(target.bindPort === undefined ? {} : { localPort: target.bindPort }),
  });
}

function connectingDatagrams(target: ProbeTarget): ConnectingDatagrams {
  if (isPath(target)) return (vipPath ??= new VipPath()).udp(target);
  if (target.fwmark || target.bindInterface) return datagramMarked(target);
  const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
  const connectIt = (): void => socket.connect(target.port, target.address);
  if (target.bindAddress === undefined && target.bindPort === undefined) connectIt();
  else socket.bind({ port: target.bindPort ?? 0, ...(target.bindAddress === undefined ? {} : { address: target.bindAddress }) }, connectIt);
  return socket;
}

function isPath(target: ProbeTarget): target is PathTarget & ProbeTarget {
  return target.via !== undefined;
}
