/** Connection synchronisation as the data plane runs it: a master end, a backup end, both or neither. */
import { ETHERNET_LENGTH, ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherType } from '../wire/ethernet.ts';
import type { FrameMemory } from '../wire/frame.ts';
import type { SyncDaemon } from '../model/control-command.ts';
import { DROP_REASONS } from '../model/drop-reason.ts';
import type { CoreContext } from './core-context.ts';
import { Packet } from './packet.ts';
import { parseIp } from './parse.ts';
import { applySyncMessage } from './sync-backup.ts';
import { SyncMaster } from './sync-master.ts';
import { messageFor, multicast } from './sync-multicast.ts';
import { CONTINUE } from './verdict.ts';

export class Synchronisation {
  /** Null while no master daemon runs; asked once a packet. */
  master: SyncMaster | null = null;
  /** Null while no backup daemon runs. */
  backup: SyncDaemon | null = null;
  readonly #packet = new Packet();
  /** What is wrong with frames that are only looked at is counted by nobody. */
  readonly #uncounted = new Float64Array(DROP_REASONS.length);

  configure(core: CoreContext, master: SyncDaemon | null, backup: SyncDaemon | null): void {
    this.backup = backup;
    if (master === null) this.master = null;
    else if (this.master === null || this.master.daemon !== master) {
      this.master = new SyncMaster(core, { daemon: master, send: (message) => multicast(master, message, core.network, core.sink) });
    }
  }

  /** A frame to a group address came in while a backup runs: a master's message, perhaps. The frame itself stays the host's. */
  offer(core: CoreContext, interfaceIdx: number, memory: FrameMemory, off: number, len: number): void {
    if (this.backup === null || len < ETHERNET_LENGTH) return;
    const type = etherType(memory, off);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return;
    const p = this.#packet;
    p.memory = memory;
    p.interfaceIdx = interfaceIdx;
    p.off = off;
    p.len = len;
    p.l3Off = off + ETHERNET_LENGTH;
    if (parseIp(p, off + len, this.#uncounted) !== CONTINUE) return;
    const message = messageFor(this.backup, p, core.network);
    if (message !== null) applySyncMessage(core, message, this.backup.syncId);
  }
}
