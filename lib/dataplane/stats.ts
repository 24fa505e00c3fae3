/** The statistics of the data plane as plain values. Off the packet path. */
import type { DataplaneStats, ServiceStats, WorkerStats } from '../model/stats.ts';
import { countByState } from './connection-records.ts';
import { TOTAL, type CoreContext } from './core-context.ts';
import type { ServiceEntry } from './service-entry.ts';

/** What the loop around the core counts. */
export interface LoopCounts {
  readonly passed: number;
  readonly received: number;
  readonly transmitted: number;
  /** Of the transmitted: by the fast path. */
  readonly fast: number;
  readonly fragmentBytes: number;
  readonly bursts: number;
  readonly largestBurst: number;
}

export function dataplaneStats(core: CoreContext, loop: LoopCounts, dropReasons: number): DataplaneStats {
  const { services, connections, counters } = core;
  core.forwarders?.collect();
  const forwarders = core.forwarders?.stats() ?? [];
  const sum = (of: (worker: WorkerStats) => number): number => forwarders.reduce((total, worker) => total + of(worker), 0);
  const ownFrames = loop.received - (core.forwarders?.received ?? 0);
  return {
    services: [...services.byKey.values()].map((service) => serviceStats(core, service)),
    total: counters.stats(TOTAL),
    drops: Array.from(core.drops.subarray(0, dropReasons)),
    passed: loop.passed + sum(({ passed }) => passed),
    received: ownFrames + sum(({ frames }) => frames),
    transmitted: loop.transmitted + sum(({ fast }) => fast),
    connections: connections.count - connections.templates,
    maxConnections: connections.capacity,
    templates: connections.templates,
    connectionsByState: countByState(connections),
    fragmentBytes: loop.fragmentBytes,
    workers: [{ frames: ownFrames, bytes: 0, fast: loop.fast, handedOver: 0, lost: 0, passed: loop.passed, cpuMs: 0 }, ...forwarders],
    bursts: loop.bursts,
    largestBurst: loop.largestBurst,
    longestBurstMs: 0,
  };
}

function serviceStats(core: CoreContext, service: ServiceEntry): ServiceStats {
  const { counters } = core;
  return {
    key: service.key,
    stats: counters.stats(service.counters),
    destinations: service.destinations.map((destination) => ({
      address: destination.address,
      port: destination.port,
      activeConns: destination.activeConns,
      inactiveConns: destination.inactiveConns,
      persistentConns: destination.persistentConns,
      overloaded: destination.overloaded,
      stats: counters.stats(destination.counters),
    })),
  };
}
