/**
 * Words of haproxy.cfg (2.6). HAProxy ends a connection and opens another, a layer 4 forwarder passes packets: a converter has to say of each word
 * whether it is carried over, needless here, or lost.
 */

/** Sections whose lines are not looked at. */
export const OTHER_SECTIONS = ['global', 'resolvers', 'peers', 'userlist', 'mailers', 'cache', 'program', 'http-errors', 'ring', 'log-forward', 'fcgi-app', 'crt-store', 'traces'];
export const PROXY_SECTIONS = ['defaults', 'frontend', 'backend', 'listen'];

/** In a proxy section: read by the converter. */
export const READ_WORDS = ['mode', 'bind', 'server', 'server-template', 'balance', 'default_backend', 'hash-type', 'default-server', 'option', 'tcp-check', 'http-check', 'timeout', 'stick-table', 'stick', 'external-check', 'disabled', 'enabled'];

/** Without meaning where packets are forwarded: nothing is lost. */
export const NEEDLESS_WORDS = `
backlog clitcpka-cnt clitcpka-idle clitcpka-intvl description errorfile errorfiles errorloc errorloc302 errorloc303 fullconn guid hash-preserve-affinity id log log-format log-format-sd log-tag max-keep-alive-queue
max-session-srv-conns maxconn monitor monitor-uri rate-limit retries transparent retry-on srvtcpka-cnt srvtcpka-idle srvtcpka-intvl stats unique-id-format unique-id-header source
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
persist redirect tcp-request tcp-response use-fcgi-app use-server use_backend
`.trim().split(/\s+/);

/** option X. */
export const NEEDLESS_OPTIONS = `
clitcpka contstats dontlog-normal dontlognull log-health-checks log-separate-errors logasap nolinger persist prefer-last-server redispatch socket-stats splice-auto splice-request splice-response srvtcpka tcp-smart-accept
tcp-smart-connect tcpka tcplog transparent http-keep-alive httplog httpslog idle-close-on-response abortonclose httpclose
`.trim().split(/\s+/);
export const LOST_OPTIONS = `
accept-invalid-http-request accept-invalid-http-response allbackups checkcache disable-h2-upgrade forwardfor forwarded h1-case-adjust-bogus-client h1-case-adjust-bogus-server
http-buffer-request http-ignore-probes http-no-delay http-pretend-keepalive http-restrict-req-hdr-names http-server-close http-use-proxy-header httpclose
independent-streams originalto
`.trim().split(/\s+/);
/** Gone: HAProxy refuses a file that has them. */
export const REMOVED_OPTIONS = ['http-tunnel', 'forceclose', 'http_proxy', 'http-use-htx'];
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
  ssl: 0, sni: 1, alpn: 1, npn: 1, proto: 1, 'send-proxy': 0, 'send-proxy-v2': 0, 'send-proxy-v2-ssl': 0, 'send-proxy-v2-ssl-cn': 0, 'proxy-v2-options': 1, 'set-proxy-v2-tlv-fmt': 1, 'allow-0rtt': 0, 'agent-check': 0, observe: 1, track: 1,
  source: 1, usesrc: 1, interface: 1,
};
/** Words of those above that were passed on to a real server under SOCKS: the path is another one. */
export const SERVER_PATH_LOST = ['socks4'];

/** bind parameters by themselves, and those with a value. */
export const BIND_FLAGS = `
accept-proxy allow-0rtt defer-accept force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 generate-certificates no-ca-names no-sslv3 no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12
no-tlsv13 prefer-client-ciphers ssl strict-sni tfo transparent v4v6 v6only
`.trim().split(/\s+/);
export const BIND_VALUES = `
accept-netscaler-cip alpn backlog ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites crl-file crt crt-ignore-err crt-list curves ecdhe expose-fd gid group id
interface level maxconn mode mss name namespace nice npn process proto severity-output shards ssl-max-ver ssl-min-ver tcp-ut thread tls-ticket-keys uid user verify
`.trim().split(/\s+/);

/** In global. */
export const GLOBAL_WORDS = `
busy-polling ca-base chroot close-spread-time cluster-secret cpu-map crt-base daemon default-path description expose-experimental-directives external-check gid grace group
h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file h2-workaround-bogus-websocket-clients hard-stop-after httpclient.resolvers.id httpclient.resolvers.prefer
httpclient.ssl.ca-file httpclient.ssl.verify insecure-fork-wanted insecure-setuid-wanted issuers-chain-path localpeer log log-send-hostname log-tag lua-load lua-load-per-thread
lua-prepend-path master-worker max-spread-checks maxcompcpuusage maxcomprate maxconn maxconnrate maxpipes maxsessrate maxsslconn maxsslrate maxzlibmem mworker-max-reloads nbproc nbthread no
no-memory-trimming node noepoll noevports nogetaddrinfo nokqueue nopoll noreuseport nosplice numa-cpu-mapping pidfile pp2-never-send-local presetenv profiling.tasks quiet resetenv
server-state-base server-state-file set-dumpable set-var set-var-fmt setenv spread-checks ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-curves
ssl-default-bind-options ssl-default-server-ciphers ssl-default-server-ciphersuites ssl-default-server-options ssl-dh-param-file ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async
ssl-propquery ssl-provider ssl-provider-path ssl-server-verify ssl-skip-self-issued-ca stats strict-limits thread-group thread-groups tune.bufsize tune.chksize tune.comp.maxlevel
tune.fail-alloc tune.fd.edge-triggered tune.h2.header-table-size tune.h2.initial-window-size tune.h2.max-concurrent-streams tune.h2.max-frame-size tune.http.cookielen tune.http.logurilen
tune.http.maxhdr tune.idle-pool.shared tune.idletimer tune.listener.multi-queue tune.lua.forced-yield tune.lua.maxmem tune.lua.service-timeout tune.lua.session-timeout tune.lua.task-timeout
tune.maxaccept tune.maxpollevents tune.maxrewrite tune.peers.max-updates-at-once tune.pipesize tune.pool-high-fd-ratio tune.pool-low-fd-ratio tune.rcvbuf.client tune.recv_enough
tune.runqueue-depth tune.sched.low-latency tune.sndbuf.client tune.ssl.cachesize tune.ssl.capture-buffer-size tune.ssl.capture-cipherlist-size tune.ssl.default-dh-param
tune.ssl.force-private-cache tune.ssl.hard-maxrecord tune.ssl.keylog tune.ssl.lifetime tune.ssl.maxrecord tune.ssl.ssl-ctx-cache-size tune.vars.check-max-size tune.vars.global-max-size
tune.vars.proc-max-size tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size uid ulimit-n unix-bind unsetenv user zero-warning
`.trim().split(/\s+/);

export const BALANCE_WORDS = ['roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'random', 'hash', 'uri', 'url_param', 'hdr', 'rdp-cookie'];
export const TCP_CHECK_WORDS = ['connect', 'send', 'send-lf', 'send-binary', 'send-binary-lf', 'expect', 'comment', 'set-var', 'set-var-fmt', 'unset-var'];
export const HTTP_CHECK_WORDS = ['disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var-fmt', 'set-var', 'unset-var'];
