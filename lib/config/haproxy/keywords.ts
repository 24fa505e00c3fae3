/**
 * Words of haproxy.cfg (2.6). HAProxy ends a connection and opens another, a layer 4 forwarder passes packets: a converter has to say of each word
 * whether it is carried over, needless here, or lost.
 */

/** Sections whose lines are not looked at. */
export const OTHER_SECTIONS = ['global', 'resolvers', 'peers', 'userlist', 'mailers', 'cache', 'program', 'http-errors', 'ring', 'log-forward', 'fcgi-app', 'crt-store', 'traces'];
export const PROXY_SECTIONS = ['defaults', 'frontend', 'backend', 'listen'];

/** In a proxy section: read by the converter. */
export const READ_WORDS = ['mode', 'bind', 'server', 'balance', 'default_backend', 'hash-type', 'default-server', 'option', 'tcp-check', 'http-check', 'timeout', 'stick-table', 'stick', 'external-check', 'disabled', 'enabled'];

/** Without meaning where packets are forwarded: nothing is lost. */
export const NEEDLESS_WORDS = `
backlog clitcpka-cnt clitcpka-idle clitcpka-intvl description errorfile errorfiles errorloc errorloc302 errorloc303 fullconn guid hash-preserve-affinity id log log-format log-format-sd log-tag max-keep-alive-queue
max-session-srv-conns maxconn monitor monitor-uri no rate-limit retries transparent retry-on srvtcpka-cnt srvtcpka-idle srvtcpka-intvl stats unique-id-format unique-id-header source
email-alert load-server-state-from-file server-state-file-name dispatch hash-balance-factor grace bind-process
`.trim().split(/\s+/);

/** Gone from HAProxy: it refuses a file that has them. */
export const REMOVED_WORDS = `
appsession block clitimeout contimeout srvtimeout monitor-net redispatch reqadd reqallow reqdel reqdeny reqiallow reqidel reqideny reqipass reqirep reqitarpit reqpass reqrep reqtarpit rspadd rspdel rspdeny
rspidel rspideny rspirep rsprep
`.trim().split(/\s+/);

/** What a forwarder cannot do: it does not read what is sent. */
export const LOST_WORDS = `
acl capture compression cookie declare dynamic-cookie-key filter force-persist http-after-response http-error http-request http-response http-reuse http-send-name-header ignore-persist
persist redirect reqadd reqallow reqdel reqdeny reqrep rspadd rspdel rsprep server-template tcp-request tcp-response use-fcgi-app use-server use_backend
`.trim().split(/\s+/);

/** option X. */
export const NEEDLESS_OPTIONS = `
clitcpka contstats dontlog-normal dontlognull log-health-checks log-separate-errors logasap nolinger persist prefer-last-server redispatch socket-stats splice-auto splice-request splice-response srvtcpka tcp-smart-accept
tcp-smart-connect tcpka tcplog transparent http-keep-alive httplog httpslog forceclose idle-close-on-response abortonclose httpclose
`.trim().split(/\s+/);
export const LOST_OPTIONS = `
accept-invalid-http-request accept-invalid-http-response allbackups checkcache disable-h2-upgrade forwardfor forwarded h1-case-adjust-bogus-client h1-case-adjust-bogus-server
http-buffer-request http-ignore-probes http-no-delay http-pretend-keepalive http-restrict-req-hdr-names http-server-close http-use-proxy-header http-use-htx http-tunnel httpclose
independent-streams originalto http_proxy
`.trim().split(/\s+/);
export const CHECK_OPTIONS = ['tcp-check', 'httpchk', 'mysql-check', 'pgsql-check', 'redis-check', 'smtpchk', 'ldap-check', 'ssl-hello-chk', 'external-check', 'spop-check', 'lb-agent-chk'];

/** server parameters: read, with the number of words they take. */
export const SERVER_READ: Readonly<Record<string, number>> = {
  weight: 1, check: 0, inter: 1, fastinter: 1, downinter: 1, rise: 1, fall: 1, port: 1, addr: 1, backup: 0, maxconn: 1, slowstart: 1, disabled: 0, enabled: 0, 'no-check': 0, 'no-backup': 0,
  'check-ssl': 0, 'check-sni': 1, 'no-check-ssl': 0,
};
/** server parameters that change nothing here. */
export const SERVER_NEEDLESS: Readonly<Record<string, number>> = {
  cookie: 1, id: 1, minconn: 1, maxqueue: 1, 'on-error': 1, 'error-limit': 1, 'init-addr': 1, resolvers: 1, 'resolve-prefer': 1, 'resolve-net': 1, 'resolve-opts': 1, 'tcp-ut': 1, tfo: 0, 'no-tfo': 0, verify: 1,
  'pool-low-conn': 1, 'pool-max-conn': 1, 'pool-purge-delay': 1, 'max-reuse': 1, 'log-proto': 1, 'socks4': 1, 'check-via-socks4': 0, 'check-send-proxy': 0, 'check-alpn': 1, 'check-proto': 1, ws: 1, 'verifyhost': 1,
  namespace: 1, 'no-send-proxy': 0, 'no-ssl': 0, 'no-verifyhost': 0, 'stick': 0, 'non-stick': 0, 'shard': 1, redir: 1, 'agent-addr': 1, 'agent-inter': 1, 'agent-port': 1, 'agent-send': 1, 'no-agent-check': 0, 'tls-tickets': 0,
  'no-tls-tickets': 0, 'ssl-reuse': 0, 'no-ssl-reuse': 0, ciphers: 1, ciphersuites: 1, 'ca-file': 1, 'crl-file': 1, crt: 1, 'ssl-min-ver': 1, 'ssl-max-ver': 1, 'force-sslv3': 0, 'force-tlsv10': 0, 'force-tlsv11': 0,
  'force-tlsv12': 0, 'force-tlsv13': 0, 'no-sslv3': 0, 'no-tlsv10': 0, 'no-tlsv11': 0, 'no-tlsv12': 0, 'no-tlsv13': 0, 'on-marked-down': 1, 'on-marked-up': 1, sigalgs: 1, 'client-sigalgs': 1, curves: 1,
  'no-send-proxy-v2': 0, 'no-send-proxy-v2-ssl': 0, 'no-send-proxy-v2-ssl-cn': 0, 'no-check-send-proxy': 0, guid: 1, 'init-state': 1, 'log-bufsize': 1, 'strict-maxconn': 0,
};
/** server parameters that need a proxy. */
export const SERVER_LOST: Readonly<Record<string, number>> = {
  ssl: 0, sni: 1, alpn: 1, npn: 1, proto: 1, 'send-proxy': 0, 'send-proxy-v2': 0, 'send-proxy-v2-ssl': 0, 'send-proxy-v2-ssl-cn': 0, 'proxy-v2-options': 1, 'set-proxy-v2-tlv-fmt': 1, 'agent-check': 0, observe: 1, track: 1,
  source: 1, usesrc: 1, interface: 1,
};
/** Words of those above that were passed on to a real server under SOCKS: the path is another one. */
export const SERVER_PATH_LOST = ['socks4'];
