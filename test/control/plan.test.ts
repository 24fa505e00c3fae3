import t from 'tap';
import { memoryHost } from '../../lib/config/config-host.ts';
import { commandText } from '../../lib/config/ipvsadm/command-text.ts';
import { readKeepalived } from '../../lib/config/keepalived/read-keepalived.ts';
import { desiredTable } from '../../lib/control/desired-table.ts';
import { plan } from '../../lib/control/plan.ts';
import type { SyncDaemon } from '../../lib/model/control-command.ts';
import type { DesiredConfiguration } from '../../lib/model/desired-configuration.ts';

const NO_TIMEOUTS = { tcp: 0, tcpFin: 0, udp: 0 };
const service = (vip: string, servers: string, more = ''): string => `virtual_server ${vip} 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n ${more}\n${servers.split(' ').map((one) => { const [address, weight = '1'] = one.split('='); return ` real_server ${address} 80 {\n  weight ${weight}\n }\n`; }).join('')}}\n`;
const read = (text: string): DesiredConfiguration => readKeepalived('x', memoryHost({ x: text }));

function difference(before: string, after: string, keepOthers = false): (string | null)[] {
  return plan({ services: desiredTable(read(before), 'healthy'), timeouts: NO_TIMEOUTS }, read(after), { moment: 'healthy', keepOthers }).map(commandText);
}

t.test('nothing is done where nothing differs', async (t) => t.same(difference(service('10.0.0.1', '10.1.0.1 10.1.0.2'), service('10.0.0.1', '10.1.0.1 10.1.0.2')), []));

t.test('only what differs is touched', async (t) => {
  const before = service('10.0.0.1', '10.1.0.1 10.1.0.2') + service('10.0.0.2', '10.1.0.1') + service('10.0.0.3', '10.1.0.1');
  const after = service('10.0.0.1', '10.1.0.1=5 10.1.0.3') + service('10.0.0.2', '10.1.0.1', 'persistence_timeout 60') + service('10.0.0.4', '10.1.0.9');
  t.same(difference(before, after), [
    '-D -t 10.0.0.3:80', '-d -t 10.0.0.1:80 -r 10.1.0.2:80', '-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 5', '-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1', '-E -t 10.0.0.2:80 -s rr -p 60', '-A -t 10.0.0.4:80 -s rr',
    '-a -t 10.0.0.4:80 -r 10.1.0.9:80 -m -w 1',
  ]);
  t.notOk(difference(before, after, true).includes('-D -t 10.0.0.3:80'), 'others stay when asked for');
});

t.test('time-outs of the file are set, 0 leaves them', async (t) => {
  const desired = read('global_defs {\n lvs_timeouts tcp 60 udp 30\n}\n');
  t.same(plan({ services: [], timeouts: { tcp: 900, tcpFin: 120, udp: 300 } }, desired, { moment: 'healthy', keepOthers: true }).map(commandText), ['--set 60 0 30']);
  t.same(plan({ services: [], timeouts: { tcp: 60, tcpFin: 120, udp: 30 } }, desired, { moment: 'healthy', keepOthers: true }), []);
});

t.test('a sorry server stands for servers that start down, and replaces those left below quorum', async (t) => {
  const text = (more: string): string => service('10.0.0.1', '10.1.0.1 10.1.0.2', `sorry_server 10.1.0.9 80\n quorum 2\n alpha\n ${more}`).replace('weight 1', 'weight 1\n TCP_CHECK {\n }');
  const start = (more: string): string[] => desiredTable(read(text(more)), 'start')[0]!.destinations.toReversed().map(({ address, weight }) => `${address} ${weight}`);
  t.same(start(''), ['10.1.0.9 1']);
  t.same(start('inhibit_on_failure'), ['10.1.0.1 0', '10.1.0.2 0', '10.1.0.9 1']);
  t.same(desiredTable(read(text('')), 'healthy')[0]!.destinations.length, 2);
});

t.test('the synchronisation daemons of the file are started, and again where interface or id differ', async (t) => {
  const desired = read('global_defs {\n lvs_sync_daemon eth0 id 5 maxlen 1400 port 8849 ttl 3 group 224.0.0.90\n}\n');
  const running = (...roles: readonly ('master' | 'backup')[]): SyncDaemon[] => roles.map((role) => ({ role, ...desired.globals.syncDaemon! }));
  const difference = (daemons: readonly SyncDaemon[]): (string | null)[] => plan({ services: [], timeouts: NO_TIMEOUTS, daemons }, desired, { moment: 'healthy', keepOthers: false }).map(commandText);
  const start = (role: string): string => `--start-daemon ${role} --mcast-interface eth0 --syncid 5 --sync-maxlen 1400 --mcast-group 224.0.0.90 --mcast-port 8849 --mcast-ttl 3`;
  t.same(difference([]), [start('master'), start('backup')]);
  t.same(difference(running('master', 'backup')), []);
  t.same(difference([...running('master'), { ...running('backup')[0]!, syncId: 6 }]), ['--stop-daemon backup', start('backup')]);
  t.same(plan({ services: [], timeouts: NO_TIMEOUTS, daemons: running('master') }, read(''), { moment: 'healthy', keepOthers: false }), [], 'a file that says nothing leaves them');
});
