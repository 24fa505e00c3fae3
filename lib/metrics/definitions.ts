/**
 * Every metric, one line each: name, type, help, labels, and where its values come from. Names and labels of node_ipvs_* are those of
 * node_exporter's ipvs collector (collector/ipvs_linux.go), so that dashboards for kernel IPVS work unchanged; what it does not have is tsipvs_*.
 */
import type { Destination } from '../model/destination.ts';
import { DROP_REASONS } from '../model/drop-reason.ts';
import type { CheckState, HealthReport, ServerState, ServiceHealth } from '../model/health-state.ts';
import type { DataplaneStats, DestinationStats, ServiceStats, Stats, WorkerStats } from '../model/stats.ts';
import type { ServiceId, VirtualService } from '../model/virtual-service.ts';
import type { DeviceReport } from '../model/worker-message.ts';

/** One scrape's worth of values. */
export interface MetricsSnapshot {
  readonly version: string;
  readonly stats: DataplaneStats;
  readonly devices: readonly DeviceReport[];
  readonly health: HealthReport;
  readonly services: readonly {
    readonly service: VirtualService;
    readonly run: ServiceStats;
    readonly destinations: readonly { readonly destination: Destination; readonly run: DestinationStats }[];
  }[];
}

export type Labels = Record<string, string>;
export type Sample = readonly [labels: Labels, value: number];

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  samples(snapshot: MetricsSnapshot): Sample[];
}

const SERVICE_LABELS = ['local_address', 'local_port', 'proto', 'local_mark'] as const;
const DESTINATION_LABELS = ['local_address', 'local_port', 'remote_address', 'remote_port', 'proto', 'local_mark'] as const;

/** The counters of Stats, for totals, services and destinations alike: [field, name part, help]. */
const COUNTERS = [
  ['conns', 'connections_total', 'connections scheduled'],
  ['inPkts', 'incoming_packets_total', 'packets from clients'],
  ['outPkts', 'outgoing_packets_total', 'packets from real servers (NAT only)'],
  ['inBytes', 'incoming_bytes_total', 'bytes from clients'],
  ['outBytes', 'outgoing_bytes_total', 'bytes from real servers (NAT only)'],
] as const;

const RATES = [
  ['cps', 'connections_per_second', 'connections a second, estimated as the kernel does'],
  ['inPps', 'incoming_packets_per_second', 'packets a second from clients, estimated as the kernel does'],
  ['outPps', 'outgoing_packets_per_second', 'packets a second from real servers, estimated as the kernel does'],
  ['inBps', 'incoming_bytes_per_second', 'bytes a second from clients, estimated as the kernel does'],
  ['outBps', 'outgoing_bytes_per_second', 'bytes a second from real servers, estimated as the kernel does'],
] as const;

const total = (name: string, help: string, pick: (stats: Stats) => number): MetricDefinition =>
  ({ name, type: 'counter', help, labels: [], samples: ({ stats }) => [[{}, pick(stats.total)]] });

const plane = (name: string, type: 'counter' | 'gauge', help: string, pick: (stats: DataplaneStats) => number): MetricDefinition =>
  ({ name, type, help, labels: [], samples: ({ stats }) => [[{}, pick(stats)]] });

const service = (name: string, type: 'counter' | 'gauge', help: string, pick: (run: ServiceStats) => number): MetricDefinition => ({
  name, type, help, labels: SERVICE_LABELS,
  samples: ({ services }) => services.map((listed) => [serviceLabels(listed.service), pick(listed.run)]),
});

const destination = (name: string, type: 'counter' | 'gauge', help: string, pick: (run: DestinationStats, configured: Destination) => number): MetricDefinition => ({
  name, type, help, labels: DESTINATION_LABELS,
  samples: ({ services }) => services.flatMap((listed) => listed.destinations.map(({ destination: configured, run }): Sample =>
    [{ ...serviceLabels(listed.service), remote_address: configured.address, remote_port: String(configured.port) }, pick(run, configured)])),
});

const device = (name: string, help: string, pick: (report: DeviceReport) => number): MetricDefinition => ({
  name, type: 'counter', help, labels: ['interface', 'device'],
  samples: ({ devices }) => devices.map((report) => [{ interface: report.interface, device: report.device }, pick(report)]),
});

/** Worker 0 owns the connections, the others are forwarders. */
const worker = (name: string, help: string, pick: (worker: WorkerStats) => number): MetricDefinition => ({
  name, type: 'counter', help, labels: ['worker'], samples: ({ stats }) => stats.workers.map((one, number) => [{ worker: String(number) }, pick(one)]),
});

const probes = (name: string, type: 'counter' | 'gauge', help: string, pick: (probes: HealthReport['probes']) => number): MetricDefinition =>
  ({ name, type, help, labels: [], samples: ({ health }) => [[{}, pick(health.probes)]] });

const checkedService = (name: string, help: string, pick: (service: ServiceHealth) => number): MetricDefinition => ({
  name, type: 'gauge', help, labels: SERVICE_LABELS,
  samples: ({ health }) => health.services.flatMap((one) => one.ids.map((id): Sample => [idLabels(id), pick(one)])),
});

const checkedServer = (name: string, help: string, pick: (server: ServerState) => number): MetricDefinition => ({
  name, type: 'gauge', help, labels: DESTINATION_LABELS,
  samples: ({ health }) => health.services.flatMap((one) => one.servers.map((server): Sample => [serverLabels(one, server), pick(server)])),
});

const check = (name: string, type: 'counter' | 'gauge', help: string, pick: (check: CheckState) => number): MetricDefinition => ({
  name, type, help, labels: [...DESTINATION_LABELS, 'check', 'number'],
  samples: ({ health }) => health.services.flatMap((one) => one.servers.flatMap((server) =>
    server.checks.map((state, n): Sample => [{ ...serverLabels(one, server), check: state.name, number: String(n) }, pick(state)]))),
});

export const METRICS: readonly MetricDefinition[] = [
  total('node_ipvs_connections_total', 'The total number of connections made.', (stats) => stats.conns),
  total('node_ipvs_incoming_packets_total', 'The total number of incoming packets.', (stats) => stats.inPkts),
  total('node_ipvs_outgoing_packets_total', 'The total number of outgoing packets.', (stats) => stats.outPkts),
  total('node_ipvs_incoming_bytes_total', 'The total amount of incoming data.', (stats) => stats.inBytes),
  total('node_ipvs_outgoing_bytes_total', 'The total amount of outgoing data.', (stats) => stats.outBytes),
  destination('node_ipvs_backend_connections_active', 'gauge', 'The current active connections by local and remote address.', (run) => run.activeConns),
  destination('node_ipvs_backend_connections_inactive', 'gauge', 'The current inactive connections by local and remote address.', (run) => run.inactiveConns),
  destination('node_ipvs_backend_weight', 'gauge', 'The current backend weight by local and remote address.', (_run, configured) => configured.weight),

  { name: 'tsipvs_build_info', type: 'gauge', help: 'Always 1; the version is the label.', labels: ['version'], samples: ({ version }) => [[{ version }, 1]] },
  plane('tsipvs_connections', 'gauge', 'Entries in the connection table, persistence templates not counted.', (stats) => stats.connections),
  plane('tsipvs_connections_max', 'gauge', 'Entries the connection table may grow to.', (stats) => stats.maxConnections),
  plane('tsipvs_persistence_templates', 'gauge', 'Persistence templates in the connection table.', (stats) => stats.templates),
  {
    name: 'tsipvs_connections_by_state', type: 'gauge', help: 'Entries in the connection table by protocol and state.', labels: ['proto', 'state'],
    samples: ({ stats }) => Object.entries(stats.connectionsByState).map(([key, count]): Sample => {
      const [proto = '', state = ''] = key.split(' ');
      return [{ proto: proto.toUpperCase(), state }, count];
    }),
  },
  {
    name: 'tsipvs_drops_total', type: 'counter', help: 'Packets that were not forwarded, by reason.', labels: ['reason'],
    samples: ({ stats }) => DROP_REASONS.map(([reason], index) => [{ reason }, stats.drops[index] ?? 0]),
  },
  plane('tsipvs_frames_received_total', 'counter', 'Frames that entered the data plane.', (stats) => stats.received),
  plane('tsipvs_frames_transmitted_total', 'counter', 'Frames the data plane sent.', (stats) => stats.transmitted),
  plane('tsipvs_frames_passed_total', 'counter', 'Frames left to the host\'s own stack.', (stats) => stats.passed),
  plane('tsipvs_fragment_bytes', 'gauge', 'Bytes of fragments waiting for the rest of their datagram.', (stats) => stats.fragmentBytes),
  plane('tsipvs_loop_bursts_total', 'counter', 'Bursts of frames handled by the data-plane loop.', (stats) => stats.bursts),
  plane('tsipvs_loop_largest_burst_frames', 'gauge', 'Frames in the fullest burst so far.', (stats) => stats.largestBurst),
  plane('tsipvs_loop_longest_round_seconds', 'gauge', 'Longest time one round of the data-plane loop took so far.', (stats) => stats.longestBurstMs / 1000),
  worker('tsipvs_worker_frames_total', 'Frames a data-plane worker received from interfaces.', ({ frames }) => frames),
  worker('tsipvs_worker_received_bytes_total', 'Bytes of the frames a data-plane worker received from interfaces.', ({ bytes }) => bytes),
  worker('tsipvs_worker_fast_frames_total', 'Frames a data-plane worker forwarded by the fast path.', ({ fast }) => fast),
  worker('tsipvs_worker_handed_over_frames_total', 'Frames a forwarder handed over to worker 0.', ({ handedOver }) => handedOver),
  worker('tsipvs_worker_lost_frames_total', 'Frames a forwarder lost because worker 0 was too far behind.', ({ lost }) => lost),
  worker('tsipvs_worker_cpu_seconds_total', 'Processor time of a data-plane worker\'s thread.', ({ cpuMs }) => cpuMs / 1000),
  device('tsipvs_device_received_frames_total', 'Frames received by the device.', (report) => report.received),
  device('tsipvs_device_transmitted_frames_total', 'Frames sent by the device.', (report) => report.transmitted),
  device('tsipvs_device_receive_drops_total', 'Frames lost before the data plane saw them (ring full).', (report) => report.receiveDrops),
  device('tsipvs_device_transmit_drops_total', 'Frames the kernel refused to send.', (report) => report.transmitDrops),
  ...COUNTERS.map(([field, name, help]) => service(`tsipvs_service_${name}`, 'counter', `Per virtual service: ${help}.`, (run) => run.stats[field])),
  ...RATES.map(([field, name, help]) => service(`tsipvs_service_${name}`, 'gauge', `Per virtual service: ${help}.`, (run) => run.stats[field])),
  ...COUNTERS.map(([field, name, help]) => destination(`tsipvs_destination_${name}`, 'counter', `Per destination: ${help}.`, (run) => run.stats[field])),
  ...RATES.map(([field, name, help]) => destination(`tsipvs_destination_${name}`, 'gauge', `Per destination: ${help}.`, (run) => run.stats[field])),
  destination('tsipvs_destination_persistent_connections', 'gauge', 'Persistence templates by destination.', (run) => run.persistentConns),
  probes('tsipvs_health_monitors', 'gauge', 'Health checks that are watched; identical ones count once.', ({ monitors }) => monitors),
  probes('tsipvs_health_probes_running', 'gauge', 'Probes under way.', ({ running }) => running),
  probes('tsipvs_health_probes_passed_total', 'counter', 'Probes that passed.', ({ passed }) => passed),
  probes('tsipvs_health_probes_failed_total', 'counter', 'Probes that failed.', ({ failed }) => failed),
  checkedService('tsipvs_service_quorum_up', '1 while the service has its quorum.', ({ quorumUp }) => (quorumUp ? 1 : 0)),
  checkedService('tsipvs_service_live_weight', 'Sum of the weights of live real servers.', ({ liveWeight }) => liveWeight),
  checkedService('tsipvs_service_quorum', 'Sum of weights of live real servers that the service needs.', ({ quorum }) => quorum),
  checkedService('tsipvs_service_panic', '1 while so few real servers are left that health is ignored.', ({ panic }) => (panic ? 1 : 0)),
  checkedService('tsipvs_service_sorry_server_in_use', '1 while the sorry server serves.', ({ sorryServer }) => (sorryServer?.inUse === true ? 1 : 0)),
  checkedServer('tsipvs_server_up', '1 while all checks of the real server pass (or it is forced up).', ({ up }) => (up ? 1 : 0)),
  checkedServer('tsipvs_server_drained', '1 while the real server is drained or disabled by command.', ({ admin }) => (admin.state === 'enabled' ? 0 : 1)),
  {
    name: 'tsipvs_server_load', type: 'gauge', help: 'Load average of the real server, where it drives the weight.', labels: DESTINATION_LABELS,
    samples: ({ health }) => health.services.flatMap((one) => one.servers.flatMap((server): Sample[] => (server.load === null ? [] : [[serverLabels(one, server), server.load]]))),
  },
  check('tsipvs_check_up', 'gauge', '1 while the check passes.', ({ up }) => (up ? 1 : 0)),
  check('tsipvs_check_passed_total', 'counter', 'Probes of the check that passed.', ({ passed }) => passed),
  check('tsipvs_check_failed_total', 'counter', 'Probes of the check that failed.', ({ failed }) => failed),
  check('tsipvs_check_latency_seconds', 'gauge', 'How long the last probe of the check took.', ({ results }) => (results.at(-1)?.latencyMs ?? 0) / 1000),
  { name: 'tsipvs_notifications_lost_total', type: 'counter', help: 'FIFO lines, webhook calls and mails about services and real servers that did not arrive.', labels: [], samples: ({ health }) => [[{}, health.lostNotifications]] },
  { name: 'tsipvs_configuration_refused', type: 'gauge', help: '1 while the configuration file that was to be read again is one that was not taken.', labels: [], samples: ({ health }) => [[{}, health.refusedReload === null ? 0 : 1]] },
  { name: 'tsipvs_foreign_changes_total', type: 'counter', help: 'Changes of others to managed services that were put right.', labels: [], samples: ({ health }) => [[{}, health.foreignChanges]] },
  destination('tsipvs_destination_overloaded', 'gauge', '1 while the destination is above its upper threshold.', (run) => (run.overloaded ? 1 : 0)),
];

function serverLabels({ ids }: ServiceHealth, { address, port }: ServerState): Labels {
  return { ...idLabels(ids[0]!), remote_address: address, remote_port: String(port) };
}

function serviceLabels({ id }: VirtualService): Labels {
  return idLabels(id);
}

/** As procfs parses /proc/net/ip_vs: a mark is eight hexadecimal digits, and then there is no address and the port is 0. */
function idLabels(id: ServiceId): Labels {
  return id.kind === 'fwmark'
    ? { local_address: '', local_port: '0', proto: 'FWM', local_mark: (id.fwmark >>> 0).toString(16).toUpperCase().padStart(8, '0') }
    : { local_address: id.address, local_port: String(id.port), proto: id.protocol.toUpperCase(), local_mark: '' };
}
