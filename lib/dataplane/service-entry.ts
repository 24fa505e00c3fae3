/** A virtual service as the data plane keeps it: its lookup key, its destinations newest first, its scheduler (struct ip_vs_service). */
import { parseAddress, parsePrefix, prefixMask, swap16, swap32 } from '../wire/address.ts';
import { protocolNumber } from '../model/protocol.ts';
import { serviceFamily, serviceKey, type ServiceId, type VirtualService } from '../model/virtual-service.ts';
import type { Scheduler, SchedulerEnvironment, SchedulerFactory, SchedulerService } from '../schedulers/scheduler.ts';
import type { DestinationEntry } from './destination-entry.ts';

export class ServiceEntry implements SchedulerService<DestinationEntry> {
  readonly key: string;
  readonly id: ServiceId;
  readonly family: 4 | 6;
  /** 0 for mark services. */
  readonly protocol: number;
  /** Raw words of the virtual address. */
  readonly raw: Int32Array;
  readonly port: number;
  readonly rawPort: number;
  /** Signed, as int32; 0 = an address service. */
  readonly fwmark: number;
  /** The mark as an address word: what mark templates are found by. */
  readonly rawFwmark: number;
  /** Block of Counters. */
  readonly counters: number;
  readonly destinations: DestinationEntry[] = [];
  schedulerName = '';
  scheduler!: Scheduler<DestinationEntry>;
  schedFlags = 0;
  /** 0 = not persistent. */
  persistenceMs = 0;
  /** Raw words ANDed with the client's address for templates. */
  mask = new Int32Array(4);
  persistenceEngine: string | null = null;
  onePacket = false;
  /** Next service in the same hash bucket. */
  next: ServiceEntry | null = null;

  constructor(config: VirtualService, counters: number) {
    const { id } = config;
    this.id = id;
    this.key = serviceKey(id);
    this.family = serviceFamily(id);
    this.counters = counters;
    if (id.kind === 'fwmark') {
      this.protocol = 0;
      this.raw = new Int32Array(4);
      this.port = 0;
      this.fwmark = id.fwmark | 0;
    } else {
      const parsed = parseAddress(id.address);
      if (parsed === null) throw new Error(`not an address: ${id.address}`);
      this.protocol = protocolNumber[id.protocol];
      this.raw = parsed.words;
      this.port = id.port;
      this.fwmark = 0;
    }
    this.rawPort = swap16(this.port);
    this.rawFwmark = swap32(this.fwmark);
  }

  /** What an add or edit sets. A scheduler that keeps its name keeps its place in the list. */
  configure(config: VirtualService, env: SchedulerEnvironment, schedulers: Readonly<Record<string, SchedulerFactory>>): void {
    this.schedFlags = config.schedFlags;
    this.persistenceMs = config.persistenceSec * 1000;
    this.mask = maskWords(this.family, config.persistenceMask);
    this.persistenceEngine = config.persistenceSec > 0 ? config.persistenceEngine : null;
    this.onePacket = config.onePacket;
    if (config.scheduler === this.schedulerName) return;
    const factory = schedulers[config.scheduler];
    if (factory === undefined) throw new Error(`no scheduler ${config.scheduler}`);
    this.schedulerName = config.scheduler;
    this.scheduler = factory<DestinationEntry>(this, env);
  }
}

/** Dotted quad for IPv4 (need not be contiguous), prefix length for IPv6. */
function maskWords(family: 4 | 6, text: string): Int32Array<ArrayBuffer> {
  const words = family === 4 && text.includes('.') ? parsePrefix(text)?.words : prefixMask(family, Number(text));
  return new Int32Array(words ?? prefixMask(family, 128));
}
