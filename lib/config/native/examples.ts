/** An example of every field, as it stands behind its name in a file: for the reference in README.md. Parts and fields are those of schema.ts. */

export type Part = 'file' | 'service' | 'server' | 'sorryServer' | 'check' | 'url' | 'tunnel' | 'script' | 'loadMonitor' | 'timeouts' | 'syncDaemon' | 'smtp' | `check ${string}`;

export const EXAMPLES: Readonly<Record<Part, Readonly<Record<string, string>>>> = {
  file: {
    version: '1', services: '[{listen: tcp 192.0.2.10:80, servers: [10.0.0.1:80]}]', timeouts: '{tcp: 15m, tcpFin: 2m, udp: 5m}', syncDaemon: '{interface: eth1, syncId: 51}', flush: 'true', flushOnStop: 'true',
    fifo: '/run/tsipvs/events.fifo', fifoScript: '/usr/local/bin/read-events', webhook: 'https://chat.example.com/hooks/abc', smtp: '{server: mail.example.com, to: [ops@example.com]}', watchFile: '10', rsInitNotifies: 'true',
  },
  service: {
    name: 'shop', listen: '[tcp 192.0.2.11:80, "tcp [2001:db8::11]:80", mark 7]', scheduler: 'wrr', schedulerFlags: '[flag-1]', persistence: '5m', persistenceMask: '255.255.255.0', persistenceEngine: 'sip', onePacket: 'true', method: 'dr',
    tunnel: '{type: gue, port: 6080}', quorum: '2', hysteresis: '1', quorumUp: '/usr/local/bin/announce shop', quorumDown: '{command: /usr/local/bin/withdraw shop, user: nobody}', sorryServer: '{address: 10.0.0.99, mode: joins}',
    alpha: 'true', omega: 'true', haSuspend: 'true', smtpAlert: 'true', panicThreshold: '0.3', onFailure: 'quiesce', endFailed: 'true', checks: '[tcp, {type: http, urls: [/health]}]', servers: '[10.0.0.1:8080, {address: 10.0.0.2:8080, weight: 3}]',
  },
  server: {
    address: '10.0.0.1:8080', method: 'tun', tunnel: '{type: gre, checksum: csum}', weight: '3', upperThreshold: '5000', lowerThreshold: '4000', checks: '[{type: smtp, port: 25}]', inhibitOnFailure: 'true', notifyUp: '/usr/local/bin/note up 10.0.0.1',
    notifyDown: '{command: /usr/local/bin/note down 10.0.0.1, user: nobody}', slowStart: 'true', loadMonitor: '{kind: uptime, command: ssh 10.0.0.1 uptime}', disabled: 'true', smtpAlert: 'true', startsUp: 'false',
  },
  sorryServer: { address: '10.0.0.99:8080', method: 'dr', tunnel: '{type: ipip}', weight: '5', upperThreshold: '100', lowerThreshold: '80', inhibit: 'true', mode: 'joins' },
  check: {
    name: 'front page', interval: '5', timeout: '2', retries: '2', retryDelay: '500ms', rise: '3', warmup: '5', alpha: 'true', reentry: '3m', address: '10.9.0.1', port: '8081', bindAddress: '10.0.0.254', bindPort: '1024', bindInterface: 'eth1',
    fwmark: '7', viaVip: 'true',
  },
  'check send-expect': { send: '"PING\\r\\n"', expect: '"+PONG"', match: 'regex', udp: 'true', tls: 'true' },
  'check http': { tls: 'true', urls: '[/health, {path: /shop, statusCodes: [200]}]', version: '"1.0"', method: 'HEAD', sni: 'www.example.com', verify: 'true', fastRecovery: 'true', userAgent: 'probe/1' },
  'check dns': { query: 'www.example.com', record: 'A', expect: '192.0.2.80' },
  'check smtp': { helo: 'lvs.example.com', hosts: '[10.0.0.7]' },
  'check udp': { payload: '"0a0b"', requireReply: 'true', reply: '"0a00"', replyMask: '"ff00"', minLength: '2', maxLength: '64' },
  'check ping': { family: '4' },
  'check exec': { command: '/usr/local/bin/check-sip %h %p', dynamicWeight: 'true', expectOutput: 'OK', user: 'nobody' },
  'check file': { path: '/run/sip-1.weight', weight: '2', reverse: 'true', dynamic: 'true' },
  'check login': { service: 'mysql', login: 'lvs', password: 'secret', request: 'SELECT 1', receive: '"1"', database: 'shop', secret: 'shared', udp: 'true' },
  'check fixed': { up: 'false' },
  url: { path: '/health', virtualHost: 'www.example.com', digest: 'b1946ac92492d2347c6235b4d2611184', statusCodes: '[200, 300-302]', regex: 'ok|fine', regexNegate: 'true', regexOptions: '[caseless]', regexMinOffset: '10', regexMaxOffset: '200' },
  tunnel: { type: 'gue', port: '6080', checksum: 'csum' },
  script: { command: '/usr/local/bin/note', user: 'nobody', group: 'nogroup' },
  loadMonitor: { kind: 'rup', command: 'rup 10.0.0.1', scale: '5' },
  timeouts: { tcp: '15m', tcpFin: '2m', udp: '5m' },
  syncDaemon: { interface: 'eth1', syncId: '51', maxLength: '1400', port: '8848', ttl: '2', group: '224.0.0.81' },
  smtp: { server: 'mail.example.com', port: '587', from: 'lvs@example.com', to: '[ops@example.com]', helo: 'lvs.example.com', timeoutSec: '10', router: 'lvs1' },
};
