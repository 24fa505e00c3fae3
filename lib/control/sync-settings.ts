/**
 * The settings of the synchronisation daemons: at most one master and one backup, with the defaults and refusals of the kernel's
 * start_sync_thread(). This is what --start-daemon records and -L --daemon shows; what they do is the data plane's
 * (dataplane/sync.ts).
 */
import { LvsError } from '../model/errors.ts';
import type { NetworkInterface, NetworkState } from '../model/network-state.ts';
import type { SyncDaemon } from './api/message.ts';

const DEFAULT_GROUP = '224.0.0.81';
const DEFAULT_PORT = 8848;
const DEFAULT_TTL = 1;
const UDP_HEADER_BYTES = 8;
const HEADER_BYTES = { 4: 20 + UDP_HEADER_BYTES, 6: 40 + UDP_HEADER_BYTES } as const;
const MASTER_MTU = 1500;
const MAX_DATAGRAM_BYTES = 65535;
const MIN_BACKUP_BYTES = 1024;

type Role = SyncDaemon['role'];

export class SyncSettings {
  readonly #daemons: Partial<Record<Role, SyncDaemon>>;

  constructor(daemons: Partial<Record<Role, SyncDaemon>> = {}) {
    this.#daemons = { ...daemons };
  }

  /** Master first, as the kernel lists them. */
  list(): readonly SyncDaemon[] {
    return [this.#daemons.master, this.#daemons.backup].filter((daemon) => daemon !== undefined);
  }

  runs(role: Role): boolean {
    return this.#daemons[role] !== undefined;
  }

  copy(): SyncSettings {
    return new SyncSettings(this.#daemons);
  }

  start(daemon: SyncDaemon, network: NetworkState | null): void {
    const device = network?.interfaces.find((one) => one.name === daemon.interface);
    if (device === undefined) throw new LvsError('NoSuchDevice', `no interface ${daemon.interface} for the synchronisation daemon`);
    if (this.runs(daemon.role)) throw new LvsError('DaemonRunning', `a ${daemon.role} synchronisation daemon runs already`);
    const group = daemon.group || DEFAULT_GROUP;
    if (daemon.role === 'master' && !canSendTo(group, device)) throw new LvsError('NetworkUnreachable', `no route to ${group} through ${daemon.interface}`);
    this.#daemons[daemon.role] = {
      ...daemon, group, maxLength: maxLength(daemon, group, device.mtu), port: daemon.port || DEFAULT_PORT, ttl: daemon.ttl || DEFAULT_TTL,
    };
  }

  stop(role: Role): void {
    if (!this.runs(role)) throw new LvsError('NoDaemon', `no ${role} synchronisation daemon runs`);
    delete this.#daemons[role];
  }
}

/** The master connects its socket: not through an interface that is down, nor to IPv6 multicast through the loopback. */
function canSendTo(group: string, device: NetworkInterface): boolean {
  return device.up && !(device.name === 'lo' && group.includes(':'));
}

function maxLength(daemon: SyncDaemon, group: string, mtu: number): number {
  const headers = HEADER_BYTES[group.includes(':') ? 6 : 4];
  const backup = daemon.role === 'backup';
  if (daemon.maxLength !== 0) return clamp(daemon.maxLength, backup ? MIN_BACKUP_BYTES : 1, MAX_DATAGRAM_BYTES - headers);
  return (backup ? clamp(mtu, MASTER_MTU, MAX_DATAGRAM_BYTES) : MASTER_MTU) - headers;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
