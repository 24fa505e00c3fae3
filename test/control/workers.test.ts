import t from 'tap';
import { WorkerLink } from '../../lib/control/workers.ts';

async function start(overrides: { interface?: string; signals?: string[]; crashes?: string[]; forwarders?: number } = {}): Promise<WorkerLink> {
  const { signals = [], crashes = [] } = overrides;
  return WorkerLink.start({
    file: new URL('./fake-worker.js', import.meta.url), device: 'packet', interfaces: [{ index: 0, ifindex: 2, name: overrides.interface ?? 'eth0', socketsFd: null }],
    maxConnections: 1024, connTabSize: 4096, ownVips: false, local: null,
    forwarderFile: new URL('./fake-forwarder.js', import.meta.url), forwarderWakes: Array.from({ length: overrides.forwarders ?? 0 }, () => ({ fd: 0, signal: () => signals.push('forwarder signal'), close: () => signals.push('forwarder close') })),
    wake: { fd: 0, signal: () => signals.push('signal'), close: () => signals.push('close') },
    populator: { pipeFd: 0, wakeFd: 0, close: () => signals.push('populator close') },
    onResolve: (interfaceIdx, address) => signals.push(`resolve ${interfaceIdx} ${address}`),
    onLine: (name, line) => signals.push(`${name} ${line}`),
    onCrash: (reason) => crashes.push(reason),
  });
}

t.test('each request wakes the worker and is answered by number; a dump is put together from its slices', async (t) => {
  const signals: string[] = [];
  const crashes: string[] = [];
  const link = await start({ signals, crashes });
  const traced: string[] = [];
  link.onTrace((record) => traced.push(record.interface));
  const [connections] = await Promise.all([link.connections(), link.apply([{ op: 'marks', rules: [] }]), link.trace({ limit: 1 })]);
  t.same(connections.map((record) => record.clientPort), [1, 2]);
  t.same(traced, ['eth0']);
  t.same(signals, ['signal', 'signal', 'signal', 'resolve 1 10.1.0.1']);
  await t.rejects(link.stats(), { code: 'Internal', message: 'no figures today' });
  await link.apply([]);
  t.equal(signals.length, 5, 'nothing to apply, nothing sent');
  await link.close();
  t.same(signals.slice(-2), ['close', 'populator close'], 'the eventfd is closed after the worker has gone, and who makes memory resident for it ends');
  await t.rejects(link.apply([{ op: 'marks', rules: [] }]), { code: 'NotRunning' });
  t.same(crashes, [], 'an end that was asked for is no crash');
});

t.test('a refused device is an error of start(), with the device\'s own words', async (t) => {
  const crashes: string[] = [];
  await t.rejects(start({ interface: 'absent', crashes }), { code: 'NoSuchDevice', message: 'no interface named absent' });
  t.same(crashes, []);
});

t.test('when the worker dies, what was waiting fails and the owner is told once, with the reason', async (t) => {
  const crashes: string[] = [];
  const link = await start({ crashes });
  await t.rejects(link.apply([{ op: 'flush' }]), { code: 'Internal', message: /the sky fell/ });
  t.equal(crashes.length, 1);
  t.match(crashes[0], /the sky fell/);
  await link.close();
});

t.test('forwarders start when the owner is there and end before it; the death of one is the end of all, told once', async (t) => {
  const signals: string[] = [], crashes: string[] = [];
  const link = await start({ signals, crashes, forwarders: 2 });
  await link.apply([{ op: 'marks', rules: [] }]);
  await link.close();
  t.same(crashes, []);
  t.same(signals, ['signal', 'forwarder signal', 'forwarder signal', 'signal', 'close', 'populator close', 'forwarder close', 'forwarder close']);

  const broken = await start({ interface: 'breaks', crashes, forwarders: 2 });
  for (let waits = 0; crashes.length === 0 && waits < 500; waits++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.same(crashes, ['forwarder 2 of the data plane ended with status 3']);
  await t.rejects(broken.stats(), { code: 'NotRunning' });
  await broken.close();
  t.equal(crashes.length, 1);
});

t.test('a forwarder that cannot start is the refusal of all, and nothing stays behind', async (t) => {
  const signals: string[] = [], crashes: string[] = [];
  await t.rejects(start({ interface: 'refuses', signals, crashes, forwarders: 2 }), { code: 'NoMemory', message: 'no memory for a receive ring' });
  t.equal(signals.filter((signal) => signal === 'close').length, 1, 'the owner has ended, too');
  t.same(crashes, []);
});
