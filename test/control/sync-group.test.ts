import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Log } from '../../lib/control/log.ts';
import { SyncGroup } from '../../lib/control/sync-group.ts';
import type { SyncDaemon } from '../../lib/model/control-command.ts';
import { HostNetwork } from '../support/host-network.ts';

const DAEMON: SyncDaemon = { role: 'backup', interface: 'lo', syncId: 0, maxLength: 1472, group: '224.0.0.99', port: 8848, ttl: 1 };
/** 224.0.0.99 as /proc/net/igmp writes it. */
const LISTED = '630000E0';

function logTo(write: (line: string) => void): Log {
  return new Log({ level: 'warn', json: false, write, now: () => new Date(0) });
}

function isMember(): boolean {
  return readFileSync('/proc/net/igmp', 'utf8').includes(LISTED);
}

/** The socket is bound in its own time. */
async function until(wanted: boolean): Promise<boolean> {
  for (let tries = 0; tries < 500 && isMember() !== wanted; tries++) await sleep(10);
  return isMember() === wanted;
}

t.test('the host is in the group while a backup daemon runs, and out of it when it stops', async (t) => {
  const network = new HostNetwork().state();
  const warnings: string[] = [];
  const group = new SyncGroup(logTo((line) => { warnings.push(line); }));
  t.teardown(() => group.close());
  group.follow(DAEMON, network);
  t.ok(await until(true), 'joined');
  group.follow({ ...DAEMON, syncId: 9 }, network);
  t.ok(await until(true), 'stays for the same group');
  group.follow(null, network);
  t.ok(await until(false), 'left');
  t.same(warnings, []);
});

t.test('a group that cannot be joined is one warning that names it', async (t) => {
  const warned = new Promise<string>((resolve) => {
    new SyncGroup(logTo(resolve)).follow({ ...DAEMON, group: '10.1.2.3' }, new HostNetwork().state());
  });
  t.match(await warned, /10\.1\.2\.3 on lo/);
});
