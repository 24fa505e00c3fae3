/**
 * What a request may look like: one parser a method. The server hands its handlers nothing that did not pass here, so the handlers
 * work on model types. Rules that depend on the table (does the service exist, is the weight allowed for it) are ServiceTable's.
 */
import type { Destination } from '../../model/destination.ts';
import type { FlowQuestion } from '../../model/explanation.ts';
import type { RecordingRequest } from '../../model/flow-recording.ts';
import type { MarkRule } from '../../model/mark-rule.ts';
import type { ShadowRequest } from '../../model/shadow-report.ts';
import { SYSCTLS, type SysctlName } from '../../model/sysctl.ts';
import type { Timeouts } from '../../model/table-edit.ts';
import type { TraceFilter } from '../../model/trace-record.ts';
import type { ServiceId, VirtualService } from '../../model/virtual-service.ts';
import { parsePrefix } from '../../wire/address.ts';
import { address, badRequest, flag, integer, list, nullable, oneOf, record, tagged, text, type Parse } from './fields.ts';
import type { AdminRequest, ConfigureRequest } from '../health-api.ts';
import type { ApiMethod, ApiMethods, ControlCommand, SyncDaemon } from './message.ts';

const INT32_MAX = 0x7fffffff;
const UINT32_MAX = 0xffffffff;

const port = integer(0, 65535);
const role = oneOf('master', 'backup');
const family = oneOf(4, 6);
const protocol = integer(0, 255);

export const parseServiceId: Parse<ServiceId> = tagged<ServiceId>('kind', {
  address: record<Extract<ServiceId, { kind: 'address' }>>({ kind: oneOf('address'), protocol: oneOf('tcp', 'udp', 'sctp'), address, port }),
  fwmark: record<Extract<ServiceId, { kind: 'fwmark' }>>({ kind: oneOf('fwmark'), fwmark: integer(1, UINT32_MAX), family }),
});

const parseService = record<VirtualService>({
  id: parseServiceId,
  scheduler: text,
  schedFlags: integer(0, 7),
  persistenceSec: integer(0, INT32_MAX),
  persistenceMask: text,
  persistenceEngine: nullable(text),
  onePacket: flag,
});

const parseDestination = record<Destination>({
  address,
  port,
  method: oneOf('masq', 'route', 'tunnel', 'local'),
  tunnel: record({ type: oneOf('ipip', 'gue', 'gre'), port, checksum: oneOf('none', 'csum', 'remcsum') }),
  weight: integer(0, INT32_MAX),
  upperThreshold: integer(0, UINT32_MAX),
  lowerThreshold: integer(0, UINT32_MAX),
});

const timeoutSec = integer(0, INT32_MAX);
const parseTimeouts = record<Timeouts>({ tcp: timeoutSec, tcpFin: timeoutSec, udp: timeoutSec });

const parseDaemon = record<SyncDaemon>({
  role, interface: text, syncId: integer(0, 255), maxLength: integer(0, 65507), group: text, port, ttl: integer(0, 255),
});

const prefix: Parse<string> = (value, path) => {
  if (parsePrefix(text(value, path)) === null) throw badRequest(path, `${JSON.stringify(value)} is not an address prefix`);
  return value as string;
};

const portRange: Parse<readonly [number, number]> = (value, path) => {
  const range = list(port)(value, path);
  if (range.length !== 2 || range[0]! > range[1]!) throw badRequest(path, 'must be [low, high]');
  return [range[0]!, range[1]!];
};

const parseMarkRule = record<MarkRule>(
  { mark: integer(1, UINT32_MAX), family, source: prefix, destination: prefix, protocol, sourcePorts: portRange, destinationPorts: portRange, interface: text },
  ['family', 'source', 'destination', 'protocol', 'sourcePorts', 'destinationPorts', 'interface'],
);

const sysctlName = oneOf(...(SYSCTLS.map(([name]) => name) as SysctlName[]));

type Op<N extends ControlCommand['op']> = Extract<ControlCommand, { op: N }>;

export const parseCommand: Parse<ControlCommand> = tagged<ControlCommand>('op', {
  addService: record<Op<'addService'>>({ op: oneOf('addService'), service: parseService }),
  editService: record<Op<'editService'>>({ op: oneOf('editService'), service: parseService }),
  deleteService: record<Op<'deleteService'>>({ op: oneOf('deleteService'), id: parseServiceId }),
  addDestination: record<Op<'addDestination'>>({ op: oneOf('addDestination'), id: parseServiceId, destination: parseDestination }),
  editDestination: record<Op<'editDestination'>>({ op: oneOf('editDestination'), id: parseServiceId, destination: parseDestination }),
  deleteDestination: record<Op<'deleteDestination'>>({ op: oneOf('deleteDestination'), id: parseServiceId, address, port }),
  endConnections: record<Op<'endConnections'>>({ op: oneOf('endConnections'), id: parseServiceId, address, port }),
  flush: record<Op<'flush'>>({ op: oneOf('flush') }),
  zero: record<Op<'zero'>>({ op: oneOf('zero'), id: nullable(parseServiceId) }),
  timeouts: record<Op<'timeouts'>>({ op: oneOf('timeouts'), timeouts: parseTimeouts }),
  startDaemon: record<Op<'startDaemon'>>({ op: oneOf('startDaemon'), daemon: parseDaemon }),
  stopDaemon: record<Op<'stopDaemon'>>({ op: oneOf('stopDaemon'), role }),
  sysctl: record<Op<'sysctl'>>({ op: oneOf('sysctl'), name: sysctlName, value: integer(-INT32_MAX - 1, INT32_MAX) }),
  marks: record<Op<'marks'>>({ op: oneOf('marks'), rules: list(parseMarkRule) }),
});

const parseFilter = record<TraceFilter>(
  { client: address, clientPort: port, virtual: address, virtualPort: port, protocol, limit: integer(1, INT32_MAX) },
  ['client', 'clientPort', 'virtual', 'virtualPort', 'protocol', 'limit'],
);

const parseQuestion = record<FlowQuestion>(
  { protocol: oneOf('tcp', 'udp', 'sctp'), client: address, clientPort: port, virtual: address, virtualPort: port, mark: integer(1, UINT32_MAX), interface: text, callId: text },
  ['mark', 'interface', 'callId'],
);

const parseShadow = record<ShadowRequest>({ service: parseServiceId, scheduler: text, schedFlags: integer(0, 7) });
const parseRecording = record<RecordingRequest>({ services: list(parseServiceId), limit: integer(1, Number.MAX_SAFE_INTEGER) }, ['limit']);
const interval = integer(50, INT32_MAX);

const someTexts: Parse<readonly string[]> = (value, path) => {
  const texts = list(text)(value, path);
  if (texts.length === 0) throw badRequest(path, 'must not be empty');
  return texts;
};

const nothing = record<Record<string, never>>({});

const PARAMS: { readonly [M in ApiMethod]: Parse<ApiMethods[M][0]> } = {
  info: nothing,
  apply: record<ApiMethods['apply'][0]>({ commands: list(parseCommand), atomic: flag }, ['atomic']),
  list: record<ApiMethods['list'][0]>({ id: parseServiceId }, ['id']),
  connections: nothing,
  timeouts: nothing,
  daemons: nothing,
  sysctls: nothing,
  marks: nothing,
  stats: nothing,
  explain: record<ApiMethods['explain'][0]>({ question: parseQuestion }),
  trace: record<ApiMethods['trace'][0]>({ filter: parseFilter }),
  shadow: record<ApiMethods['shadow'][0]>({ request: parseShadow, intervalMs: interval, durationMs: interval }, ['intervalMs', 'durationMs']),
  record: record<ApiMethods['record'][0]>({ request: parseRecording, durationMs: interval }, ['durationMs']),
  endRecording: record<ApiMethods['endRecording'][0]>({ recording: integer(1, INT32_MAX) }),
  health: nothing,
  events: nothing,
  administer: record<AdminRequest>({
    id: parseServiceId, address, port, state: oneOf('enabled', 'drained', 'disabled'), weight: nullable(integer(0, INT32_MAX)), checks: oneOf('automatic', 'up', 'down'),
  }, ['state', 'weight', 'checks']),
  configure: record<ConfigureRequest>({ files: someTexts, from: text, vip: address, configId: text, keep: flag, dryRun: flag }, ['from', 'vip', 'configId']),
};

/** Parameters of `method` as model types; BadRequest names what is wrong. */
export function parseParams<M extends ApiMethod>(method: M, params: unknown): ApiMethods[M][0] {
  return PARAMS[method](params, '');
}

export function isMethod(name: unknown): name is ApiMethod {
  return typeof name === 'string' && Object.hasOwn(PARAMS, name);
}
