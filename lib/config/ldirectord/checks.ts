/** What ldirectord probes: checktype and service with their timers. */
import type { CheckKind, CheckTiming, HealthCheck } from '../../model/health-check.ts';
import type { ServiceId } from '../../model/virtual-service.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Lookup, RealServer } from './finish-section.ts';
import { PORT_SERVICES } from './options.ts';
import type { Section } from './read-ldirectord.ts';

const CHECK_TYPES = ['connect', 'negotiate', 'on', 'off', 'ping', 'external', 'external-perl'];
const DEFAULT_CONNECT_SEC = 5;
const DEFAULT_NEGOTIATE_SEC = 30;
const DEFAULT_INTERVAL_SEC = 10;
const DEFAULT_COMMAND = '/bin/true';

/** The checks of a section's servers, one server at a time. */
export function sectionChecks(section: Section, id: ServiceId, lookup: Lookup, diagnostics: Diagnostics): (real: RealServer) => HealthCheck[] {
  const own = (name: string): string | null => section.settings.get(name)?.value ?? null;
  const type = checkType(section, diagnostics);
  const servicePort = id.kind === 'fwmark' ? null : id.port;
  const checkPort = own('checkport') === null ? null : Number(own('checkport'));
  const service = own('service') ?? PORT_SERVICES[servicePort ?? -1] ?? 'none';
  const connectSec = lookup('checktimeout')?.value;
  const negotiateSec = lookup('negotiatetimeout')?.value;
  const maintenance = lookup('maintenancedir')?.value;
  const timing = (negotiates: boolean): CheckTiming => ({
    intervalSec: Number(lookup('checkinterval')?.value ?? DEFAULT_INTERVAL_SEC),
    timeoutSec: negotiates ? Number(negotiateSec ?? connectSec ?? DEFAULT_NEGOTIATE_SEC) : Number(connectSec ?? negotiateSec ?? DEFAULT_CONNECT_SEC),
    retries: Number(lookup('failurecount')?.value ?? 1) - 1, delayBeforeRetrySec: Number(lookup('checkinterval')?.value ?? DEFAULT_INTERVAL_SEC), rise: 1, warmupSec: 0, alpha: true, reentrySec: 0,
  });
  return (real) => {
    const port = checkPort ?? (real.destination.port > 0 ? real.destination.port : null);
    const target = { address: real.destination.address, ...(port === null ? {} : { port }) };
    const negotiates = type === 'negotiate' || type === 'combined';
    const checks = [{ name: type, timing: timing(negotiates), target, check: kindOf(negotiates ? `negotiate ${service}` : type, real, section, own, id) }];
    return maintenance === undefined ? checks : [...checks, { name: 'maintenancedir', timing: { ...timing(false), retries: 0, alpha: false }, target: {}, check: noFile(maintenance, real) }];
  };
}

/** A file named HOST or HOST:PORT in the maintenance directory takes the server out. */
function noFile(directory: string, { destination: { address, port } }: RealServer): CheckKind {
  const quoted = (name: string): string => `'${`${directory.replace(/\/+$/, '')}/${name}`.replaceAll("'", "'\\''")}'`;
  return { kind: 'exec', command: `test ! -e ${quoted(address)} -a ! -e ${quoted(`${address}:${port}`)}`, dynamicWeight: false };
}

function checkType(section: Section, diagnostics: Diagnostics): string {
  const line = section.settings.get('checktype');
  if (line === undefined) return 'negotiate';
  if (CHECK_TYPES.includes(line.value)) return line.value;
  if (/^\d+$/.test(line.value) && Number(line.value) > 0) {
    diagnostics.note(line.place, `checktype ${line.value}: connects with a negotiation now and then`, 'every check negotiates', line.value);
    return 'combined';
  }
  diagnostics.error(line.place, 'checktype must be "connect", "negotiate", "on", "off", "ping", "external", "external-perl" or a positive number', 'the file is refused; negotiate is taken', line.value, CHECK_TYPES);
  return 'negotiate';
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
      return { kind: 'exec', command: `${own('checkcommand') ?? DEFAULT_COMMAND} ${[...place, real.destination.address, String(real.destination.port)].join(' ')}`, dynamicWeight: false };
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
