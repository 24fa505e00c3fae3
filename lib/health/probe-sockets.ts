/** The host's own sockets for checkers. A bind address, port, interface or mark goes onto the socket before it connects. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { connectMarked, datagramMarked } from '../device/marked-socket.ts';
import { ping } from '../device/ping-socket.ts';
import { connectOnly } from '../device/tcp-connector.ts';
import type { PathTarget } from '../device/vip-path/path-target.ts';
import { VipPath } from '../device/vip-path/vip-path.ts';
import type { ConnectingDatagrams, ConnectingSocket, ProbeSockets, ProbeTarget } from './checker.ts';

/** One for the process: it has a socket of each family, whoever probes. */
let vipPath: VipPath | null = null;

export const hostSockets: ProbeSockets = {
  tcp(target: ProbeTarget): ConnectingSocket {
    if (isPath(target)) return (vipPath ??= new VipPath()).tcp(target);
    if (target.fwmark || target.bindInterface) return connectMarked(target);
    return connect({
      host: target.address, port: target.port, ...(target.bindAddress === undefined ? {} : { localAddress: target.bindAddress }),
      ...(target.bindPort === undefined ? {} : { localPort: target.bindPort }),
    });
  },
  reach(target, signal) {
    return isPath(target) ? null : connectOnly(target, signal);
  },
  udp(target: ProbeTarget): ConnectingDatagrams {
    if (isPath(target)) return (vipPath ??= new VipPath()).udp(target);
    if (target.fwmark || target.bindInterface) return datagramMarked(target);
    const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
    const connectIt = (): void => socket.connect(target.port, target.address);
    if (target.bindAddress === undefined && target.bindPort === undefined) connectIt();
    else socket.bind({ port: target.bindPort ?? 0, ...(target.bindAddress === undefined ? {} : { address: target.bindAddress }) }, connectIt);
    return socket;
  },
  ping(target, family, signal) {
    if (!isPath(target)) return ping(target, family, signal);
    return (vipPath ??= new VipPath()).ping(target, (aborted) => signal.addEventListener('abort', aborted, { once: true }));
  },
};

function isPath(target: ProbeTarget): target is PathTarget & ProbeTarget {
  return target.via !== undefined;
}
