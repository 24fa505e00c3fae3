/**
 * Membership of the synchronisation group while a backup daemon runs: the data plane reads the messages from its devices, but the interface lets group frames
 * in only when the host's stack has joined (IGMP, MLD, the card's filter). So the host joins with a socket that never reads.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { SyncDaemon } from '../model/control-command.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { Log } from './log.ts';

export class SyncGroup {
  readonly #log: Log;
  #daemon: SyncDaemon | null = null;
  #socket: Socket | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Join, leave, or stay, as the backup daemon that now runs (null: none) needs it. */
  follow(daemon: SyncDaemon | null, network: NetworkState | null): void {
    if (daemon?.group === this.#daemon?.group && daemon?.interface === this.#daemon?.interface) return;
    this.close();
    this.#daemon = daemon;
    if (daemon === null) return;
    const six = daemon.group.includes(':');
    const addresses = network?.interfaces.find(({ name }) => name === daemon.interface)?.addresses ?? [];
    const own = six ? `::%${daemon.interface}` : addresses.find((address) => !address.includes(':'))?.split('/')[0];
    const socket = createSocket(six ? 'udp6' : 'udp4');
    const failed = (error: Error): void => {
      this.#log.warn(`not in the synchronisation group ${daemon.group} on ${daemon.interface} (${error.message}): the backup daemon hears nothing`);
    };
    socket.on('error', failed);
    socket.bind(0, () => {
      try {
        socket.addMembership(daemon.group, own);
      } catch (error) {
        failed(error as Error);
      }
    });
    socket.unref();
    this.#socket = socket;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#daemon = null;
  }
}
