/**
 * The daemon's API: newline-delimited JSON over a unix socket. One request object a line, one response object a line, matched by
 * id; a subscription answers with many lines. The server parses requests into model types and refuses unknown fields.
 */
import type { ControlCommand, SyncDaemon } from '../../model/control-command.ts';
import type { Destination } from '../../model/destination.ts';
import type { Explanation, FlowQuestion } from '../../model/explanation.ts';
import type { FlowEnd, FlowRecord } from '../../model/flow-record.ts';
import type { RecordingRequest } from '../../model/flow-recording.ts';
import type { LvsErrorCode } from '../../model/errors.ts';
import type { AdminState, HealthEvent, HealthReport } from '../../model/health-state.ts';
import type { MarkRule } from '../../model/mark-rule.ts';
import type { ShadowReport, ShadowRequest } from '../../model/shadow-report.ts';
import type { ConnectionRecord, DataplaneStats, DestinationStats, ServiceStats } from '../../model/stats.ts';
import type { SysctlValues } from '../../model/sysctl.ts';
import type { Timeouts } from '../../model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../../model/trace-record.ts';
import type { ServiceId, VirtualService } from '../../model/virtual-service.ts';
import type { AdminRequest, ConfigureRequest } from '../health-api.ts';

export type { ControlCommand, SyncDaemon };

export const API_VERSION = 1;
export const DEFAULT_SOCKET = '/run/tsipvs/tsipvsd.sock';

export interface ApiFailure { readonly code: LvsErrorCode; readonly message: string }
export type CommandResult = { readonly ok: true } | { readonly ok: false; readonly error: ApiFailure };

export interface ListedDestination { readonly destination: Destination; readonly run: DestinationStats }
export interface ListedService { readonly service: VirtualService; readonly run: ServiceStats; readonly destinations: readonly ListedDestination[] }

export interface DaemonInfo {
  readonly version: string;
  readonly apiVersion: number;
  readonly pid: number;
  readonly device: string;
  readonly interfaces: readonly string[];
  /** Data-plane threads, and why so many; null where there is no device. */
  readonly workers: { readonly count: number; readonly why: string } | null;
  /** What the kernel prints as (size=...): connection hash buckets. 4096 unless configured. */
  readonly connTabSize: number;
  readonly uptimeSec: number;
}

/** method -> [params, result]. */
export interface ApiMethods {
  info: [Record<string, never>, DaemonInfo];
  /** Run in order; a refused command does not stop the rest unless `atomic`, which applies all or none. */
  apply: [{ commands: readonly ControlCommand[]; atomic?: boolean }, { results: readonly CommandResult[] }];
  /** In the kernel's service order is undefined; destinations newest first. `id` limits to one service (NoSuchService if absent). */
  list: [{ id?: ServiceId }, { services: readonly ListedService[] }];
  connections: [Record<string, never>, { connections: readonly ConnectionRecord[] }];
  timeouts: [Record<string, never>, Timeouts];
  daemons: [Record<string, never>, { daemons: readonly SyncDaemon[] }];
  sysctls: [Record<string, never>, SysctlValues];
  marks: [Record<string, never>, { rules: readonly MarkRule[] }];
  stats: [Record<string, never>, DataplaneStats];
  /** What would become of this flow's first packet now, and why; nothing changes by asking. */
  explain: [{ question: FlowQuestion }, Explanation];
  /** Subscription: response lines {id, event: TraceRecord} until the client closes or the limit is reached. */
  trace: [{ filter: TraceFilter }, { started: true }];
  /** Subscription: a ShadowReport every intervalMs, the last one with `ended`, until the client closes. */
  shadow: [{ request: ShadowRequest; intervalMs?: number; durationMs?: number }, { started: true }];
  /** Subscription: RecordingEvents until the end, which comes after durationMs, at the request's limit, or when asked for. */
  record: [{ request: RecordingRequest; durationMs?: number }, { recording: number }];
  /** End a recording: what is still open is handed over, then the end. */
  endRecording: [{ recording: number }, { ending: true }];
  /** Services of the configuration file, their servers, checks and last results. */
  health: [Record<string, never>, HealthReport];
  /** Subscription: response lines {id, event: HealthEvent} until the client closes. */
  events: [Record<string, never>, { started: true }];
  /** Drain, disable, enable, another weight, forced up or down: holds over checks and reloads. */
  administer: [AdminRequest, AdminState];
  /** Run the services of these files, checks and all, from now on, instead of those of the configuration before; read again on SIGHUP. The commands that takes. */
  configure: [ConfigureRequest, { commands: readonly ControlCommand[] }];
}
export type ApiMethod = keyof ApiMethods;

/** Connections that ended, or the end of the recording. */
export type RecordingEvent = { readonly records: readonly FlowRecord[] } | { readonly end: FlowEnd };

/** What subscriptions send, by method. */
export interface ApiEvents { trace: TraceRecord; events: HealthEvent; shadow: ShadowReport; record: RecordingEvent }
export type ApiEvent = ApiEvents[keyof ApiEvents];

export interface ApiRequest<M extends ApiMethod = ApiMethod> { readonly id: number; readonly method: M; readonly params: ApiMethods[M][0] }
export type ApiResponse<M extends ApiMethod = ApiMethod> =
  | { readonly id: number; readonly result: ApiMethods[M][1] }
  | { readonly id: number; readonly error: ApiFailure }
  | { readonly id: number; readonly event: ApiEvent };

/** What a front end needs of the API: the socket client has it, and so has a Controller in the same process. */
export interface ApiCaller {
  call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]>;
}
