/** What ldirectord probes: checktype and service with their timers. */
import type { CheckKind, CheckTiming, HealthCheck } from '../../model/health-check.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Lookup, RealServer } from './finish-section.ts';
import { PORT_SERVICES } from './options.ts';
import type { Section } from './read-ldirectord.ts';

/** Where a service is looked for when nothing says a port. */
const SERVICE_PORTS: Readonly<Record<string, number>> = Object.fromEntries(Object.entries(PORT_SERVICES).map(([port, service]) => [service, Number(port)]));
const DEFAULT_CONNECT_SEC = 5;
const DEFAULT_NEGOTIATE_SEC = 30;
const DEFAULT_INTERVAL_SEC = 10;
const DEFAULT_COMMAND = '/bin/true';

export interface SectionChecks {
  /** The checks of one server. */
  of(real: RealServer): HealthCheck[];
  /** What ldirectord takes for the same check of the same server. */
  identity(real: RealServer): string;
  /** Up without being asked. */
  readonly alwaysUp: boolean;
}

export function sectionChecks(section: Section, id: ServiceId, lookup: Lookup, diagnostics: Diagnostics): SectionChecks {
  const own = (name: string): string | null => section.settings.get(name)?.value ?? null;
  const type = checkType(section, diagnostics);
  const checkPort = own('checkport') === null ? null : Number(own('checkport'));
  const service = own('service') ?? PORT_SERVICES[id.kind === 'fwmark' ? -1 : id.port] ?? 'none';
  const maintenance = lookup('maintenancedir')?.value;
  const negotiates = type === 'negotiate' || type === 'combined';
  const timing = (timeoutSec: number): CheckTiming => ({
    intervalSec: Number(interval(lookup)), timeoutSec, retries: Number(lookup('failurecount')?.value ?? 1) - 1, delayBeforeRetrySec: Number(interval(lookup)), rise: 1, warmupSec: 0, alpha: true, reentrySec: 0,
  });
  const timeoutSec = negotiates ? timeout(lookup, section, 'negotiatetimeout', 'checktimeout', DEFAULT_NEGOTIATE_SEC) : timeout(lookup, section, 'checktimeout', 'negotiatetimeout', DEFAULT_CONNECT_SEC);
  return {
    alwaysUp: type === 'on' || (negotiates && service === 'none') || (type === 'external' && own('checkcommand') === null),
    of: (real) => {
      const port = checkPort ?? (real.port > 0 ? real.port : SERVICE_PORTS[service] ?? null);
      const target = { address: real.destination.address, ...(port === null ? {} : { port }) };
      const checks = [{ name: type, timing: timing(timeoutSec), target, check: kindOf(negotiates ? `negotiate ${service}` : type, real, section, own, id) }];
      return maintenance === undefined ? checks : [...checks, { name: 'maintenancedir', timing: { ...timing(timeoutSec), retries: 0, alpha: false }, target: {}, check: noFile(maintenance, real) }];
    },
    identity: (real) => JSON.stringify([
      type, negotiates ? service : type.startsWith('external') ? own('checkcommand') ?? DEFAULT_COMMAND : '', id.kind === 'fwmark' ? 'fwm' : id.protocol, real.destination.address, real.port, own('virtualhost') ?? '', checkPort,
      real.destination.weight, real.destination.method, slashed(real.request ?? own('request') ?? ''), real.receive ?? own('receive') ?? '',
    ]),
  };
}

/** A service's own checkinterval counts only where each service has a process of its own. */
function interval(lookup: Lookup): string {
  const forked = lookup('fork')?.value === 'yes';
  return (forked ? lookup('checkinterval') : lookup.global('checkinterval'))?.value ?? String(DEFAULT_INTERVAL_SEC);
}

/** Each of the two timeouts stands in for the other, the section's before the file's. */
function timeout(lookup: Lookup, section: Section, name: string, other: string, otherwise: number): number {
  return Number((section.settings.get(name) ?? section.settings.get(other) ?? lookup.global(name) ?? lookup.global(other))?.value ?? otherwise);
}

function slashed(request: string): string {
  return request.startsWith('/') ? request : `/${request}`;
}

/** A file named HOST or HOST:PORT in the maintenance directory takes the server out. */
function noFile(directory: string, { destination: { address }, port }: RealServer): CheckKind {
  const quoted = (name: string): string => `'${`${directory.replace(/\/+$/, '')}/${name}`.replaceAll("'", "'\\''")}'`;
  return { kind: 'exec', command: `test ! -e ${quoted(address)} -a ! -e ${quoted(`${address}:${port}`)}`, dynamicWeight: false };
}

function checkType(section: Section, diagnostics: Diagnostics): string {
  const line = section.settings.get('checktype');
  if (line === undefined) return 'negotiate';
  if (!/^\d+$/.test(line.value)) return line.value;
  if (Number(line.value) > 0) diagnostics.note(line.place, `checktype ${line.value}: connects with a negotiation now and then`, 'every check negotiates', line.value);
  return 'combined';
}

function kindOf(type: string, real: RealServer, section: Section, own: (name: string) => string | null, id: ServiceId): CheckKind {
  const request = real.request ?? own('request') ?? '';
  const receive = real.receive ?? own('receive') ?? '';
  const place = id.kind === 'fwmark' ? [String(id.fwmark), '0'] : [id.address, String(id.port)];
  const service = type.startsWith('negotiate ') ? type.slice('negotiate '.length) : '';
  switch (service === '' ? type : service) {
    case 'on': return { kind: 'fixed', up: true };
    case 'off': return { kind: 'fixed', up: false };
    case 'ping': return { kind: 'ping', family: section.family };
    case 'external':
    case 'external-perl':
      return { kind: 'exec', command: `${own('checkcommand') ?? DEFAULT_COMMAND} ${[...place, real.destination.address, String(real.port)].join(' ')}`, dynamicWeight: false };
    case 'http':
    case 'https':
    case 'http_proxy': {
      const path = request.startsWith('/') || /^https?:\/\//.test(request) ? request : `/${request}`;
      const virtualHost = own('virtualhost');
      return {
        kind: 'http', tls: service === 'https', version: '1.1', method: own('httpmethod') === 'HEAD' ? 'HEAD' : 'GET', sni: service === 'https' ? virtualHost : null, verify: false, fastRecovery: true,
        userAgent: 'libwww-perl', urls: [{ path, ...(virtualHost === null ? {} : { virtualHost }), ...(receive === '' ? {} : { regex: receive }) }],
      };
    }
    case 'dns': return { kind: 'dns', name: request === '' ? '.' : request, type: 'A', ...(receive === '' ? {} : { expect: receive }) };
    case 'simpletcp': return { kind: 'send-expect', send: request.replaceAll('\\n', '\n'), expect: receive, match: 'regex', udp: false };
    case 'smtp':
    case 'submission': return { kind: 'smtp', helo: 'localhost' };
    case 'none': return { kind: 'fixed', up: true };
    // A datagram service cannot be connected to.
    case 'connect': return id.kind === 'address' && id.protocol === 'udp' ? { kind: 'ping', family: section.family } : { kind: 'tcp' };
    default: return { kind: 'login', service, login: own('login') ?? '', password: own('passwd') ?? '', request, receive, database: own('database') ?? '', ...(own('secret') === null ? {} : { secret: own('secret')! }), ...(id.kind === 'address' && id.protocol === 'udp' ? { udp: true } : {}) };
  }
}
