/** Two directors on one network: what the master balances, the backup knows two seconds later, over real interfaces and real multicast. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ApiClient } from '../../lib/control/api/client.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import { destination, service } from '../fuzz/director-with-everything.ts';
import { Namespaces, SLOW } from './device-namespaces.ts';

t.setTimeout(SLOW.timeout * 2);

const DAEMON = fileURLToPath(new URL('../../cli/tsipvsd.js', import.meta.url));
const ID = { kind: 'address', protocol: 'udp', address: '10.77.0.10', port: 53 } as const;
/** Five datagrams from one port: the third makes the connection worth telling. */
const CLIENT = "const s=require('dgram').createSocket('udp4');s.bind(5555,async()=>{for(let i=0;i<5;i++){s.send('q',53,'10.77.0.10');await new Promise(r=>setTimeout(r,50))}s.close()})";

async function started(namespace: string, socket: string, interfaces: readonly string[]): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, DAEMON, '--socket', socket, ...interfaces.flatMap((name) => ['--interface', name])], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`tsipvsd ended with status ${code}`)));
  });
  return child;
}

async function apply(socket: string, ...commands: ControlCommand[]): Promise<ApiClient> {
  const api = await ApiClient.connect(socket);
  const { results } = await api.call('apply', { commands });
  const refused = results.find((result) => !result.ok);
  if (refused && !refused.ok) throw new Error(refused.error.message);
  return api;
}

t.test('a backup learns the connections of a master', SLOW, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sync-'));
  const namespaces = new Namespaces('sync');
  const children: ChildProcess[] = [];
  const apis: ApiClient[] = [];
  t.teardown(() => {
    for (const api of apis) api.close();
    for (const child of children) child.kill('SIGKILL');
    namespaces.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const [client, master, backup] = ['client', 'master', 'backup'].map((name) => namespaces.add(name)) as [string, string, string];
  namespaces.link(client, 'c0', master, 'm0');
  namespaces.link(master, 'ms', backup, 'bs');
  namespaces.ip(client, 'addr add 10.77.0.1/24 dev c0');
  namespaces.ip(master, 'addr add 10.77.0.10/24 dev m0');
  namespaces.ip(master, 'addr add 10.77.1.1/24 dev ms');
  namespaces.ip(backup, 'addr add 10.77.1.2/24 dev bs');
  const sockets = { master: join(directory, 'm.sock'), backup: join(directory, 'b.sock') };
  children.push(await started(master, sockets.master, ['m0', 'ms']), await started(backup, sockets.backup, ['bs']));
  const services: ControlCommand[] = [{ op: 'addService', service: service(ID) }, { op: 'addDestination', id: ID, destination: destination('10.77.1.9', 53, 'masq') }];
  const daemon = { syncId: 9, maxLength: 0, group: '', port: 0, ttl: 0 };
  apis.push(await apply(sockets.master, ...services, { op: 'startDaemon', daemon: { ...daemon, role: 'master', interface: 'ms' } }));
  const other = await apply(sockets.backup, ...services, { op: 'startDaemon', daemon: { ...daemon, role: 'backup', interface: 'bs' } });
  apis.push(other);
  namespaces.run(client, process.execPath, '-e', CLIENT);
  const known = async (): Promise<readonly { client: string }[]> => (await other.call('connections', {})).connections;
  while ((await known()).length === 0) await sleep(100);
  t.match(await known(), [{ protocol: 17, client: '10.77.0.1', clientPort: 5555, virtual: '10.77.0.10', destination: '10.77.1.9', state: 'UDP', synced: true }]);
  const { services: [listed] } = await other.call('list', {});
  t.match(listed!.destinations[0]!.run, { activeConns: 0, inactiveConns: 1 });
});
