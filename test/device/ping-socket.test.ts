/** Echoes: one socket for all that leave alike, told apart; with ping sockets and, in a namespace that forbids those, with raw ones. */
import t from 'tap';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ping } from '../../lib/device/ping-socket.ts';
import { Stop } from '../../lib/health/stop-signal.ts';
import { nativeProblem } from '../../native-shims/index.ts';

const SKIP = nativeProblem() ?? false;
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

const MODULE = JSON.stringify(join(import.meta.dirname, '../../lib/device/ping-socket.js'));
const NEVER = `{ aborted: false, addEventListener() {}, removeEventListener() {} }`;

/** In a network namespace of its own, with loopback up: ping sockets for nobody, or for everybody. */
function inNamespace(group: string, script: string): string {
  const program = `import { ping } from ${MODULE}; const alive = setInterval(() => {}, 1000); const NEVER = ${NEVER}; ${script}; clearInterval(alive);`;
  const run = spawnSync('unshare', ['-n', 'sh', '-c', `ip link set lo up; echo "${group}" > /proc/sys/net/ipv4/ping_group_range; exec "$0" --input-type=module -e "$1"`, process.execPath, program], { encoding: 'utf8', timeout: 30_000 });
  return `${run.stdout}${run.stderr}`;
}

const noNamespaces = SKIP || (spawnSync('unshare', ['-n', 'true']).status === 0 ? false : 'network namespaces need root');
const KINDS = [['ping sockets', '0 2147483647'], ['raw sockets', '1 0']] as const;

for (const [kind, group] of KINDS) {
  t.test(`${kind}: hundreds of echoes at once over both families are all answered through one socket each`, { skip: noNamespaces }, async (t) => {
    t.equal(inNamespace(group, `
      const { readdirSync, readlinkSync } = await import('node:fs');
      const sockets = () => readdirSync('/proc/self/fd').filter((fd) => { try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; } }).length;
      const before = sockets();
      const all = Promise.all(Array.from({ length: 400 }, (_, n) => ping({ address: n % 4 === 0 ? '::1' : '127.0.' + (n >> 8) + '.' + (1 + n % 250) }, n % 4 === 0 ? 6 : 4, NEVER)));
      const during = sockets() - before;
      await all;
      process.stdout.write('all answered, sockets ' + during);`), 'all answered, sockets 2');
  });

  t.test(`${kind}: an ICMP error ends the echo it is about, and no other`, { skip: noNamespaces }, async (t) => {
    t.equal(inNamespace(group, `
      const { execSync } = await import('node:child_process');
      execSync('ip link add pinge0 type veth peer name pinge1 && ip addr add 10.77.0.1/24 dev pinge0 && ip link set pinge0 up && ip link set pinge1 up');
      const absent = ping({ address: '10.77.0.9' }, 4, NEVER).then(() => 'answered', (error) => error.message);
      await ping({ address: '127.0.0.1' }, 4, NEVER);
      const outcome = await absent;
      await ping({ address: '127.0.0.1' }, 4, NEVER);
      process.stdout.write(outcome);`), 'host unreachable');
  });
}

t.test('neither privilege nor permission: said so', { skip: noNamespaces }, async (t) => {
  const nobody = `process.setgid(65534); process.setuid(65534); await ping({ address: '127.0.0.1' }, 4, NEVER).catch((error) => process.stdout.write(error.message))`;
  t.equal(inNamespace('1 0', nobody), 'no ICMP socket: EPERM');
  t.equal(inNamespace('0 2147483647', `process.setgid(65534); process.setuid(65534); await ping({ address: '127.0.0.1' }, 4, NEVER); process.stdout.write('answered')`), 'answered');
});

t.test('no route, an aborted echo, an address that is none', { skip: SKIP }, async (t) => {
  t.match(await ping({ address: '127.0.0.1', bindAddress: '203.0.113.9' }, 4, new Stop()).catch(String), /EADDRNOTAVAIL/);
  t.match(await ping({ address: 'localhost' }, 4, new Stop()).catch(String), /localhost is no address/);
  const stop = new Stop();
  stop.abort();
  t.match(await ping({ address: '127.0.0.1' }, 4, stop).catch(String), /no echo reply in time/);
  const before = readdirSync('/proc/self/fd').length;
  for (let n = 0; n < 50; n++) await ping({ address: '127.0.0.1' }, 4, new Stop()).catch(() => {});
  t.equal(readdirSync('/proc/self/fd').length, before);
});
