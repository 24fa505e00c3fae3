/** An interface of a running director that goes and comes back as another one. */
import type { RunningLab } from '../../lib/lab/running-lab.ts';

/** Replace the director's eth1 by a new interface of that name, whose neighbour sends on `queues` queues. */
export async function makeAnew(lab: RunningLab, queues: number): Promise<void> {
  const { director } = lab.topology;
  const { mac, addresses } = director.interfaces[1]!;
  await lab.run('director', ['ip', 'link', 'del', 'eth1']);
  const many = ['numtxqueues', String(queues), 'numrxqueues', String(queues)];
  await lab.run('network', ['ip', 'link', 'add', 'director.eth1', ...many, 'type', 'veth', 'peer', 'name', 'eth1', 'numtxqueues', '1', 'numrxqueues', '1', 'address', mac, 'netns', director.namespace]);
  await lab.run('network', ['ip', 'link', 'set', 'director.eth1', 'master', 'servers', 'up']);
  for (const address of addresses) await lab.run('director', ['ip', 'addr', 'add', address, 'dev', 'eth1', ...(address.includes(':') ? ['nodad'] : [])]);
  await lab.run('director', ['ip', 'link', 'set', 'eth1', 'up']);
}
