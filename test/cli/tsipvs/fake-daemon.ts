/** A director's API as far as tsipvs uses it, kept in memory: for the command's logic, and behind a real socket for whole runs. */
import type { ApiHandlers, ApiSession } from '../../../lib/control/api/server.ts';
import type { ApiMethod, ApiMethods, ListedService, RecordingEvent } from '../../../lib/control/api/message.ts';
import type { AdminRequest } from '../../../lib/control/health-api.ts';
import { DROP_REASONS } from '../../../lib/model/drop-reason.ts';
import type { Explanation, FlowQuestion } from '../../../lib/model/explanation.ts';
import { NO_ADMIN_STATE, type HealthEvent, type HealthReport } from '../../../lib/model/health-state.ts';
import type { RecordingRequest } from '../../../lib/model/flow-recording.ts';
import type { ShadowReport, ShadowRequest } from '../../../lib/model/shadow-report.ts';
import type { MarkRule } from '../../../lib/model/mark-rule.ts';
import { ZERO_STATS, type ConnectionRecord, type DataplaneStats, type Stats } from '../../../lib/model/stats.ts';
import { sysctlDefaults } from '../../../lib/model/sysctl.ts';
import type { TraceRecord } from '../../../lib/model/trace-record.ts';

export const RECORD: TraceRecord = {
  timeMs: 1234.5, interface: 'cl0', packet: 'TCP 203.0.113.7:40001 > 192.0.2.10:80',
  steps: [{ step: 'service', detail: 'virtual service tcp 192.0.2.10 80, rr' }, { step: 'schedule', detail: 'rr picks 10.1.0.1:80' }], verdict: 'transmit', reason: 'rs0',
};

const BUSY: Stats = { ...ZERO_STATS, conns: 12, cps: 3, inPps: 12_345, outPps: 1_234_567, inBps: 1000, outBps: 2_000_000 };

export class FakeDaemon {
  readonly sysctls = sysctlDefaults();
  marks: readonly MarkRule[] = [];
  sessions: ApiSession[] = [];
  services: readonly ListedService[] = [service()];
  health: HealthReport = { source: null, services: [], probes: { monitors: 0, running: 0, passed: 0, failed: 0 }, foreignChanges: 0, lostNotifications: 0, refusedReload: null, timeline: [] };
  events: HealthEvent[] = [];
  held: readonly ConnectionRecord[] = [];
  administered: AdminRequest[] = [];
  readonly questions: FlowQuestion[] = [];
  readonly shadowRequests: ShadowRequest[] = [];
  shadowReports: readonly ShadowReport[] = [];
  readonly recordingRequests: RecordingRequest[] = [];
  recordingEvents: readonly RecordingEvent[] = [];
  explanation: Explanation = { record: RECORD, service: 'tcp 192.0.2.10 80', decidedBy: 'scheduler', destination: { address: '10.1.0.1', port: 80 } };

  readonly handlers = {
    info: async () => ({ version: '0.1.0', apiVersion: 1, pid: 1, device: 'packet', interfaces: ['cl0', 'rs0'], workers: { count: 2, why: 'half of 4 processors' }, connTabSize: 4096, uptimeSec: 3725 }),
    apply: async ({ commands }) => {
      for (const command of commands) {
        if (command.op === 'sysctl') {
          if (command.value > 10) return { results: [{ ok: false, error: { code: 'InvalidOperation', message: `net.ipv4.vs.${command.name} takes 0 to 10` } }] };
          this.sysctls[command.name] = command.value;
        } else if (command.op === 'marks') this.marks = command.rules;
      }
      return { results: commands.map(() => ({ ok: true as const })) };
    },
    list: async () => ({ services: this.services }),
    connections: async () => ({ connections: this.held }),
    timeouts: async () => ({ tcp: 900, tcpFin: 120, udp: 300 }),
    daemons: async () => ({ daemons: [] }),
    sysctls: async () => this.sysctls,
    marks: async () => ({ rules: this.marks }),
    stats: async () => stats(),
    explain: async ({ question }) => {
      this.questions.push(question);
      return this.explanation;
    },
    trace: async ({ filter }, session) => {
      this.sessions.push(session);
      for (let n = 0; n < (filter.limit ?? 2); n++) setImmediate(() => session.event(RECORD));
      return { started: true as const };
    },
    shadow: async ({ request }, session) => {
      this.shadowRequests.push(request);
      for (const report of this.shadowReports) setImmediate(() => session.event(report));
      return { started: true as const };
    },
    record: async ({ request }, session) => {
      this.recordingRequests.push(request);
      for (const event of this.recordingEvents) setImmediate(() => session.event(event));
      return { recording: 1 };
    },
    endRecording: async () => ({ ending: true as const }),
    health: async () => this.health,
    events: async (_params, session) => {
      this.sessions.push(session);
      for (const event of this.events) setImmediate(() => session.event(event));
      return { started: true as const };
    },
    configure: async () => ({ commands: [] }),
    administer: async (request) => {
      this.administered.push(request);
      return { ...NO_ADMIN_STATE, state: request.state ?? 'enabled', weight: request.weight ?? null, checks: request.checks ?? 'automatic' };
    },
  } satisfies ApiHandlers as ApiHandlers;

  /** The client's call(), without a socket. */
  call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]> {
    return this.handlers[method](params, { event: () => true, onClose() {}, ready: () => true });
  }
}

function service(): ListedService {
  const destination = { address: '10.1.0.1', port: 80, method: 'masq', tunnel: { type: 'ipip', port: 0, checksum: 'none' }, weight: 3, upperThreshold: 0, lowerThreshold: 0 } as const;
  const run = { address: '10.1.0.1', port: 80, activeConns: 5, inactiveConns: 7, persistentConns: 0, overloaded: true, stats: BUSY };
  return {
    service: { id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false },
    run: { key: 'tcp 192.0.2.10 80', stats: BUSY, destinations: [run] }, destinations: [{ destination, run }],
  };
}

function stats(): DataplaneStats {
  return {
    services: [], total: BUSY, drops: DROP_REASONS.map((_, index) => (index === 4 ? 9 : 0)), passed: 0, received: 0, transmitted: 0, connections: 12, maxConnections: 1_048_576, templates: 1,
    connectionsByState: {}, fragmentBytes: 0, workers: [{ frames: 10_000_000, bytes: 1e9, fast: 9_999_000, handedOver: 0, lost: 0, passed: 3, cpuMs: 372_500 }, { frames: 5_000_000, bytes: 1e12, fast: 4_000_000, handedOver: 745_000, lost: 1, passed: 0, cpuMs: 1000 }], bursts: 0, largestBurst: 0, longestBurstMs: 0,
  };
}
