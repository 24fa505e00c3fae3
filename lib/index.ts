/**
 * The public surface: embed a director, talk to a running one, write a scheduler, or use the packet core on frames of your own.
 */
export { Director, type DirectorOptions } from './director.ts';
export { ApiClient, socketPath } from './control/api/client.ts';
export type { ApiMethod, ApiMethods, CommandResult, DaemonInfo, ListedDestination, ListedService } from './control/api/message.ts';
export { Log, LOG_LEVELS, type LogLevel } from './control/log.ts';
export { reconcile, type ConfiguredService } from './control/reconcile.ts';
export { formatRules, parseRules } from './config/rules.ts';
export { Dataplane, type DataplaneOptions } from './dataplane/dataplane.ts';
export type { Device, DeviceCounters } from './device/device.ts';
export type { ControlCommand } from './model/control-command.ts';
export type { DataplaneLink } from './model/dataplane-link.ts';
export type { Destination, ForwardingMethod, Tunnel } from './model/destination.ts';
export { LvsError, type LvsErrorCode } from './model/errors.ts';
export type { DecidedBy, Explanation, FlowQuestion } from './model/explanation.ts';
export { parseFlowRecording, type FlowEnd, type FlowHeader, type FlowRecord, type FlowRecording } from './model/flow-record.ts';
export type { DesiredConfiguration } from './model/desired-configuration.ts';
export type { HealthEvent, HealthReport } from './model/health-state.ts';
export type { MarkRule } from './model/mark-rule.ts';
export type { NetworkState, Neighbour, NetworkInterface, Route } from './model/network-state.ts';
export type { ShadowReport, ShadowRequest } from './model/shadow-report.ts';
export type { ConnectionRecord, DataplaneStats, Stats } from './model/stats.ts';
export type { TableEdit } from './model/table-edit.ts';
export type { TraceFilter, TraceRecord, TraceStep } from './model/trace-record.ts';
export type { ServiceId, VirtualService } from './model/virtual-service.ts';
export type { Scheduler, SchedulerDestination, SchedulerFactory, SchedulerPacket, SchedulerService } from './schedulers/scheduler.ts';
export { FrameBurst, FrameMemory, HEADROOM, MAX_BURST, type FrameSink } from './wire/frame.ts';
