/**
 * The native format: every field once, with what it takes, its default and what it means. Reading, writing and the reference in README.md
 * come from these tables.
 */

/** Types that nodes.ts reads by itself. */
export type PlainType =
  | 'text' | 'number' | 'whole' | 'flag' | 'texts'
  /** Number of seconds, or a text like "5m". */
  | 'seconds'
  /** One of these words. */
  | readonly string[];

export type FieldType =
  | PlainType
  /** A command, or {command, user, group}. */
  | 'script'
  | 'urls' | 'ranges' | 'checks' | 'servers' | 'listen' | 'tunnel' | 'sorryServer' | 'loadMonitor' | 'timeouts' | 'syncDaemon' | 'smtp' | 'services';

/** `Type`: of the format's own nested values, besides the plain ones. */
export interface Field<Type = FieldType> {
  readonly type: Type;
  /** Undefined: there is none, and the field may be missing; 'required': it may not. */
  readonly otherwise?: unknown;
  readonly required?: true;
  readonly help: string;
  readonly least?: number;
  readonly most?: number;
}

export type Fields<Type = FieldType> = Readonly<Record<string, Field<Type>>>;

const METHOD_WORDS = ['nat', 'dr', 'tun', 'local'] as const;

export const TOP: Fields = {
  version: { type: 'whole', required: true, least: 1, most: 1, help: 'Of this format: 1' },
  services: { type: 'services', otherwise: [], help: 'Virtual services' },
  timeouts: { type: 'timeouts', help: 'Of connections, as ipvsadm --set' },
  syncDaemon: { type: 'syncDaemon', help: 'Connection synchronisation' },
  flush: { type: 'flag', otherwise: false, help: 'Clear the table at the start' },
  flushOnStop: { type: 'flag', otherwise: false, help: 'Clear the table at the end' },
  fifo: { type: 'text', help: 'Named pipe that gets a line for each change' },
  fifoScript: { type: 'script', help: 'Started to read the pipe' },
  webhook: { type: 'text', help: 'URL that gets a JSON document for each change' },
  smtp: { type: 'smtp', help: 'Mail for each change' },
  watchFile: { type: 'seconds', otherwise: 0, least: 0, help: 'Look so often whether this file changed, and read it again then; 0: only on SIGHUP' },
  rsInitNotifies: { type: 'flag', otherwise: false, help: 'notifyUp of servers that are up from the start' },
};

export const SERVICE: Fields = {
  name: { type: 'text', help: 'In messages; the first address if missing' },
  listen: { type: 'listen', required: true, help: '"tcp 192.0.2.10:80", "mark 7", "mark 7 inet6", or a list of them' },
  scheduler: { type: 'text', otherwise: 'wlc', help: 'rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf twos' },
  schedulerFlags: { type: 'texts', otherwise: [], help: 'sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3' },
  persistence: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: 'Clients keep their server for so long' },
  persistenceMask: { type: 'text', help: 'Clients of one network count as one: netmask (IPv4) or prefix length (IPv6)' },
  persistenceEngine: { type: ['sip'], help: 'What is kept together beside addresses' },
  onePacket: { type: 'flag', otherwise: false, help: 'UDP: each packet is scheduled' },
  method: { type: METHOD_WORDS, otherwise: 'nat', help: 'Of servers that name none' },
  tunnel: { type: 'tunnel', help: 'Of servers that name none: {type: ipip|gue|gre, port, checksum: none|csum|remcsum}' },
  quorum: { type: 'whole', otherwise: 1, least: 0, help: 'Needed sum of live weights' },
  hysteresis: { type: 'whole', otherwise: 0, least: 0, help: 'How far above or below quorum before it counts' },
  quorumUp: { type: 'script', help: 'Run when quorum is reached' },
  quorumDown: { type: 'script', help: 'Run when quorum is lost' },
  sorryServer: { type: 'sorryServer', help: 'Serves below quorum: "10.0.0.9:80" or {address, method, tunnel, weight, inhibit, mode: replace|joins}' },
  alpha: { type: 'flag', otherwise: false, help: 'Quorum counts as lost until it is reached' },
  omega: { type: 'flag', otherwise: false, help: 'Run the down scripts at the end' },
  haSuspend: { type: 'flag', otherwise: false, help: 'No checks while the address is not on this host' },
  smtpAlert: { type: 'flag', otherwise: false, help: 'Mail for the service' },
  panicThreshold: { type: 'number', otherwise: 0, least: 0, most: 1, help: 'Ignore health when less than this share of the weights is left' },
  onFailure: { type: ['remove', 'quiesce'], otherwise: 'remove', help: 'What failure does to a server' },
  endFailed: { type: 'flag', otherwise: false, help: 'Connections and persistence templates of a server that failed end at once, so that its clients find another (expire_nodest_conn for failed servers; not for drained ones)' },
  checks: { type: 'checks', otherwise: [], help: 'Of servers that have none' },
  servers: { type: 'servers', otherwise: [], help: 'Real servers' },
};

export const SERVER: Fields = {
  address: { type: 'text', required: true, help: '"10.0.0.1:80", "[2001:db8::1]:80"; without a port the one of the service' },
  method: { type: METHOD_WORDS, help: 'Forwarding method' },
  tunnel: { type: 'tunnel', help: 'For method tun' },
  weight: { type: 'whole', otherwise: 1, least: 0, most: 2_147_483_647, help: '0 = quiesced' },
  upperThreshold: { type: 'whole', otherwise: 0, least: 0, help: 'Connections at which it counts as overloaded' },
  lowerThreshold: { type: 'whole', otherwise: 0, least: 0, help: 'Connections below which it no longer does' },
  checks: { type: 'checks', help: 'All must pass; [] for none' },
  inhibitOnFailure: { type: 'flag', otherwise: false, help: 'Weight 0 instead of removal' },
  notifyUp: { type: 'script', help: 'Run when it comes up' },
  notifyDown: { type: 'script', help: 'Run when it goes down' },
  slowStart: { type: 'flag', otherwise: false, help: 'Weight grows from 1/32, doubling every 20 s' },
  loadMonitor: { type: 'loadMonitor', help: 'Load drives the weight: {kind: uptime|rup|ruptime, command, scale}' },
  disabled: { type: 'flag', otherwise: false, help: 'Left out' },
  smtpAlert: { type: 'flag', otherwise: false, help: 'Mail for the server' },
  startsUp: { type: 'flag', otherwise: true, help: 'Counts as up until a check says otherwise' },
};

export const TIMING: Fields = {
  name: { type: 'text', help: 'In messages; the type if missing' },
  interval: { type: 'seconds', otherwise: 10, least: 0.01, help: 'Between two probes' },
  timeout: { type: 'seconds', otherwise: 5, least: 0, help: 'For the whole probe' },
  retries: { type: 'whole', otherwise: 1, least: 0, help: 'Further failures before the server is down' },
  retryDelay: { type: 'seconds', otherwise: 1, least: 0, help: 'Before each of them' },
  rise: { type: 'whole', otherwise: 1, least: 1, help: 'Successes before a server is up again' },
  warmup: { type: 'seconds', otherwise: 0, least: 0, help: 'The first probe comes at a random time within this' },
  alpha: { type: 'flag', otherwise: false, help: 'Down until a probe succeeded' },
  reentry: { type: 'seconds', otherwise: 0, least: 0, help: 'A failed server must answer for so long before it is back' },
  address: { type: 'text', help: 'Probe this address instead of the server' },
  port: { type: 'whole', least: 1, most: 65_535, help: 'Probe this port' },
  bindAddress: { type: 'text', help: 'Probe from this address' },
  bindPort: { type: 'whole', least: 1, most: 65_535, help: 'Probe from this port' },
  bindInterface: { type: 'text', help: 'Probe through this interface' },
  fwmark: { type: 'whole', least: 0, help: 'Firewall mark of the probe' },
  viaVip: { type: 'flag', help: 'Probe the virtual address through the server, as the director forwards (DR, TUN)' },
};

/** By type of check. */
export const CHECKS: Readonly<Record<string, Fields>> = {
  tcp: {},
  'send-expect': {
    send: { type: 'text', otherwise: '', help: 'Sent after the connection is made' }, expect: { type: 'text', otherwise: '', help: 'Expected answer' },
    match: { type: ['prefix', 'regex', 'any'], otherwise: 'prefix', help: 'How the answer is compared' }, udp: { type: 'flag', otherwise: false, help: 'UDP instead of TCP' }, tls: { type: 'flag', help: 'Over TLS' },
  },
  http: {
    tls: { type: 'flag', otherwise: false, help: 'HTTPS' }, urls: { type: 'urls', required: true, help: 'Pages to fetch' }, version: { type: ['1.0', '1.0C', '1.1'], otherwise: '1.1', help: 'HTTP version' },
    method: { type: ['GET', 'HEAD'], otherwise: 'GET', help: 'HTTP method' }, sni: { type: 'text', otherwise: null, help: 'TLS server name' }, verify: { type: 'flag', otherwise: false, help: 'Verify the certificate' },
    fastRecovery: { type: 'flag', otherwise: false, help: 'All URLs at once when it comes back' }, userAgent: { type: 'text', otherwise: 'tsipvs', help: 'User-Agent' },
  },
  dns: { query: { type: 'text', otherwise: '.', help: 'Name asked for' }, record: { type: 'text', otherwise: 'SOA', help: 'Record type' }, expect: { type: 'text', help: 'Address that must be among the answers' } },
  smtp: { helo: { type: 'text', otherwise: 'localhost', help: 'HELO name' }, hosts: { type: 'texts', help: 'Further hosts' } },
  udp: {
    payload: { type: 'text', otherwise: '', help: 'Sent, hexadecimal' }, requireReply: { type: 'flag', otherwise: false, help: 'An answer must come' }, reply: { type: 'text', help: 'Expected answer, hexadecimal' },
    replyMask: { type: 'text', help: 'Its bits that count' }, minLength: { type: 'whole', otherwise: 0, help: 'Least length of the answer' }, maxLength: { type: 'whole', otherwise: 255, help: 'Greatest length of the answer' },
  },
  ping: { family: { type: 'whole', least: 4, most: 6, help: '4 or 6' } },
  exec: {
    command: { type: 'text', required: true, help: 'Run; 0 = up. %h and %p stand for address and port' }, dynamicWeight: { type: 'flag', otherwise: false, help: 'Exit statuses 2-255 are weights' },
    expectOutput: { type: 'text', help: 'Expected output' }, user: { type: 'text', help: 'Run as' },
  },
  file: { path: { type: 'text', required: true, help: 'File with a number' }, weight: { type: 'whole', otherwise: 0, help: '0: a number other than 0 is down; else it changes the weight by number x this' }, reverse: { type: 'flag', otherwise: false, help: 'The other way round' }, dynamic: { type: 'flag', otherwise: false, help: 'The number is the weight' } },
  login: {
    service: { type: 'text', required: true, help: 'ftp pop pops imap imaps nntp ldap ldaps mysql pgsql sip radius; others are connected to' }, login: { type: 'text', otherwise: '', help: 'User' }, password: { type: 'text', otherwise: '', help: 'Password' },
    request: { type: 'text', otherwise: '', help: 'Asked after login: a file (ftp), a query that must give a row (mysql, pgsql), a base object (ldap)' }, receive: { type: 'text', otherwise: '', help: 'Expected answer' }, database: { type: 'text', otherwise: '', help: 'Database' }, secret: { type: 'text', help: 'Shared secret (radius)' }, udp: { type: 'flag', help: 'Over UDP (sip)' },
  },
  fixed: { up: { type: 'flag', otherwise: true, help: 'Always up or always down' } },
};

export const URL_FIELDS: Fields = {
  path: { type: 'text', required: true, help: 'Path' }, virtualHost: { type: 'text', help: 'Host header' }, digest: { type: 'text', help: 'MD5 as tsgenhash prints it' }, statusCodes: { type: 'ranges', help: '[200, "300-302"]; 200-299 if missing' },
  regex: { type: 'text', help: 'Must be found in the page' }, regexNegate: { type: 'flag', help: 'Must not be found' }, regexOptions: { type: 'texts', help: 'As keepalived names them' },
  regexMinOffset: { type: 'whole', least: 0, help: 'Found at this offset or later' }, regexMaxOffset: { type: 'whole', least: 0, help: 'Found before this offset' },
};

export const TUNNEL: Fields = {
  type: { type: ['ipip', 'gue', 'gre'], otherwise: 'ipip', help: 'Encapsulation' }, port: { type: 'whole', otherwise: 0, least: 0, most: 65_535, help: 'UDP port of gue' }, checksum: { type: ['none', 'csum', 'remcsum'], otherwise: 'none', help: 'Of gue and gre' },
};
export const SORRY: Fields = {
  address: SERVER['address']!, method: SERVER['method']!, tunnel: SERVER['tunnel']!, weight: SERVER['weight']!, upperThreshold: SERVER['upperThreshold']!, lowerThreshold: SERVER['lowerThreshold']!,
  inhibit: { type: 'flag', otherwise: false, help: 'Stays in the table at weight 0' }, mode: { type: ['replace', 'joins'], otherwise: 'replace', help: 'Instead of the servers left, or beside them' },
};
export const SCRIPT: Fields = { command: { type: 'text', required: true, help: 'Command line' }, user: { type: 'text', help: 'Run as' }, group: { type: 'text', help: 'Group' } };
export const LOAD: Fields = {
  kind: { type: ['uptime', 'rup', 'ruptime'], otherwise: 'uptime', help: 'Program' }, command: { type: 'text', required: true, help: 'Command line' }, scale: { type: 'number', otherwise: 10, least: 1, help: 'Upper bound: scale x weight' },
};
export const TIMEOUTS: Fields = {
  tcp: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: '0 = leave' }, tcpFin: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: '0 = leave' }, udp: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: '0 = leave' },
};
export const SYNC: Fields = {
  interface: { type: 'text', required: true, help: 'Multicast interface' }, syncId: { type: 'whole', otherwise: 0, least: 0, most: 255, help: 'Group of directors' }, maxLength: { type: 'whole', otherwise: 0, least: 0, help: '0 = by the MTU' },
  port: { type: 'whole', otherwise: 0, least: 0, most: 65_535, help: '0 = 8848' }, ttl: { type: 'whole', otherwise: 0, least: 0, most: 255, help: '0 = 1' }, group: { type: 'text', otherwise: '', help: 'Multicast address' },
};
export const SMTP: Fields = {
  server: { type: 'text', required: true, help: 'Mail server' }, port: { type: 'whole', otherwise: 25, least: 1, most: 65_535, help: 'Port' }, from: { type: 'text', otherwise: '', help: 'Sender; tsipvs@ the host name if missing' }, to: { type: 'texts', otherwise: [], help: 'Receivers' },
  helo: { type: 'text', otherwise: '', help: 'HELO name; the host name if missing' }, timeoutSec: { type: 'seconds', otherwise: 30, least: 1, help: 'Connection time-out' },
  router: { type: 'text', otherwise: '', help: 'In the subject, in brackets; the host name if missing' },
};
