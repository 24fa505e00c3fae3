/** The host's own sockets for checkers. A bind address, port, interface or mark goes onto the socket before it connects. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { connectMarked, datagramMarked } from '../device/marked-socket.ts';
import { ping } from '../device/ping-socket.ts';
import type { ProbeSockets, ProbeTarget } from './checker.ts';

export const hostSockets: ProbeSockets = {
  tcp(target: ProbeTarget): Socket {
    if (target.fwmark || target.bindInterface) return connectMarked(target);
    return connect({
      host: target.address, port: target.port, ...(target.bindAddress === undefined ? {} : { localAddress: target.bindAddress }),
      ...(target.bindPort === undefined ? {} : { localPort: target.bindPort }),
    });
  },
  udp(target: ProbeTarget): DatagramSocket {
    if (target.fwmark || target.bindInterface) return datagramMarked(target);
    const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
    const connectIt = (): void => socket.connect(target.port, target.address);
    if (target.bindAddress === undefined && target.bindPort === undefined) connectIt();
    else socket.bind({ port: target.bindPort ?? 0, ...(target.bindAddress === undefined ? {} : { address: target.bindAddress }) }, connectIt);
    return socket;
  },
  ping: (target, family, signal) => ping(target, family, signal),
};
