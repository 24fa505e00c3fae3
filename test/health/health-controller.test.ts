/** The controller's own promises: administration over checks and reloads, reload by difference, repair, sharing, slow start, load. */
import t from 'tap';
import fc from 'fast-check';
import { failed, PASSED } from '../../lib/health/checker.ts';
import { NO_GLOBALS, PLAIN_POLICY, type DesiredDestination, type DesiredService } from '../../lib/model/desired-configuration.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { HealthEvent } from '../../lib/model/health-state.ts';
import { ZERO_STATS } from '../../lib/model/stats.ts';
import { serviceKey, type ServiceId } from '../../lib/model/virtual-service.ts';
import { TIMING } from './checker-cases.ts';
import { HealthWorld } from './health-world.ts';

const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };

function server(n: number, more: Partial<DesiredDestination> & { weight?: number } = {}): DesiredDestination {
  const { weight = 1, ...rest } = more;
  return {
    destination: { address: `10.1.0.${n}`, port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 },
    checks: [{ check: { kind: 'tcp' }, timing: TIMING, target: {}, name: 'TCP_CHECK' }], inhibitOnFailure: false, notifyUp: null, notifyDown: null, slowStart: false, loadMonitor: null, disabled: false,
    smtpAlert: false, startsUp: true, ...rest,
  };
}

function service(destinations: readonly DesiredDestination[], more: Partial<DesiredService> = {}): DesiredService {
  const ids = more.ids ?? [WEB];
  return {
    ids, destinations, policy: PLAIN_POLICY, name: 'web',
    service: { id: ids[0]!, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false }, ...more,
  };
}

/** Weights in the table: "1:3 2:0". */
function weights(world: HealthWorld, id: ServiceId = WEB): string {
  return (world.table.service(id)?.destinations ?? []).map(({ address, weight }) => `${address.slice(7)}:${weight}`).sort().join(' ');
}

function worldOf(down: Set<string>, options: ConstructorParameters<typeof HealthWorld>[1] = {}): HealthWorld {
  return new HealthWorld((_check, { address }) => (down.has(address) ? failed('connection refused') : PASSED), { random: () => 0, ...options });
}

const use = (world: HealthWorld, ...services: DesiredService[]): Promise<unknown> => world.health.use({ services, globals: NO_GLOBALS }, 'test.conf');

t.test('drain, disable, weight and forced states hold over checks and reloads', async (t) => {
  const down = new Set<string>();
  const world = worldOf(down);
  await use(world, service([server(1, { weight: 3 }), server(2), server(3)]));
  t.equal(weights(world), '1:3 2:1 3:1');
  await world.health.administer({ id: WEB, address: '10.1.0.1', port: 80, state: 'drained' });
  await world.health.administer({ id: WEB, address: '10.1.0.2', port: 80, weight: 9 });
  await world.health.administer({ id: WEB, address: '10.1.0.3', port: 80, checks: 'up' });
  t.equal(weights(world), '1:0 2:9 3:1');
  down.add('10.1.0.1').add('10.1.0.2').add('10.1.0.3');
  await world.advance(6);
  t.equal(weights(world), '3:1', 'forced up stays whatever its check says');
  down.clear();
  await world.advance(6);
  t.equal(weights(world), '1:0 2:9 3:1');
  await use(world, service([server(1, { weight: 4 }), server(2, { weight: 4 }), server(3)]));
  t.equal(weights(world), '1:0 2:9 3:1');
  await world.health.administer({ id: WEB, address: '10.1.0.1', port: 80, state: 'enabled' });
  await world.health.administer({ id: WEB, address: '10.1.0.2', port: 80, weight: null, state: 'disabled' });
  t.equal(weights(world), '1:4 3:1');
  await t.rejects(world.health.administer({ id: WEB, address: '10.1.0.8', port: 80, state: 'drained' }), { code: 'NoSuchDestination' });
  await t.rejects(world.health.administer({ id: { ...WEB, port: 81 }, address: '10.1.0.1', port: 80, state: 'drained' }), { code: 'NoSuchService' });
  t.same(world.problems, []);
});

t.test('a service that no file manages is drained and enabled by plain commands', async (t) => {
  const world = worldOf(new Set());
  const [{ destination }] = [server(1, { weight: 5 })];
  await world.controller.call('apply', { commands: [{ op: 'addService', service: service([]).service }, { op: 'addDestination', id: WEB, destination }] });
  const request = { id: WEB, address: '10.1.0.1', port: 80 };
  for (const [state, wanted] of [['drained', '1:0'], ['disabled', ''], ['drained', '1:0'], ['enabled', '1:5'], ['disabled', ''], ['enabled', '1:5']] as const) {
    t.match(await world.health.administer({ ...request, state }), { state });
    t.equal(weights(world), wanted, state);
  }
  await world.health.administer({ ...request, weight: 7 });
  t.equal(weights(world), '1:7');
});

t.test('reload touches what differs: a server that is down stays down, one that changed is edited, what left is removed', async (t) => {
  const down = new Set(['10.1.0.1']);
  const world = worldOf(down);
  await use(world, service([server(1), server(2), server(3)]), service([server(1)], { ids: [{ ...WEB, port: 81 }] }));
  await world.advance(1);
  t.equal(weights(world), '2:1 3:1');
  const slower = { ...TIMING, intervalSec: 60 };
  world.link.edits.length = 0;
  await use(world, service([server(1, { checks: [{ check: { kind: 'tcp' }, timing: slower, target: {}, name: 'TCP_CHECK' }] }), server(2), server(4, { startsUp: false, checks: [{ check: { kind: 'tcp' }, timing: { ...TIMING, alpha: true, warmupSec: 30 }, target: {}, name: 'TCP_CHECK' }] })]));
  t.equal(weights(world), '2:1');
  t.same(world.link.edits.map(({ op }) => op), ['deleteService', 'deleteDestination'], 'service 81 and server 3, nothing else');
  await use(world, service([server(1), server(2)]));
  t.same(world.link.edits.length, 2, 'nothing left to change');
  await t.rejects(use(world, service([server(1)], { service: { ...service([]).service, scheduler: 'nonsense' } })), { code: 'NoScheduler' });
  t.equal(weights(world), '2:1', 'a refused configuration changes nothing');
  down.clear();
  await world.advance(70);
  t.equal(weights(world), '1:1 2:1');
});

t.test('changes of others in managed services are put right and told; other services are left alone', async (t) => {
  const world = worldOf(new Set());
  const events: HealthEvent[] = [];
  world.health.subscribe((event) => void events.push(event));
  await use(world, service([server(1), server(2)]));
  const other = { ...service([]).service, id: { ...WEB, port: 8080 } };
  await world.controller.call('apply', {
    commands: [
      { op: 'deleteDestination', id: WEB, address: '10.1.0.1', port: 80 }, { op: 'editDestination', id: WEB, destination: { ...server(2).destination, weight: 50 } },
      { op: 'addDestination', id: WEB, destination: server(7).destination }, { op: 'addService', service: other },
    ],
  });
  await world.advance(31);
  t.equal(weights(world), '1:1 2:1');
  t.ok(world.table.service(other.id));
  t.match(events.filter(({ kind }) => kind === 'foreign'), [{ message: '10.1.0.7 80 removed, 10.1.0.1 80 put back, 10.1.0.2 80 restored to weight 1' }]);
  t.match(world.health.report(), { foreignChanges: 3 });
  await world.controller.call('apply', { commands: [{ op: 'flush' }] });
  await world.advance(31);
  t.equal(weights(world), '1:1 2:1');
});

t.test('slow start: a server that comes back begins with a 32nd and doubles every 20 s', async (t) => {
  const down = new Set(['10.1.0.1']);
  const world = worldOf(down);
  await use(world, service([server(1, { weight: 64, slowStart: true }), server(2)]));
  await world.advance(1);
  t.equal(weights(world), '2:1');
  down.clear();
  await world.advance(6);
  t.equal(weights(world), '1:2 2:1');
  const seen: string[] = [];
  for (let n = 0; n < 6; n++) {
    await world.advance(20);
    seen.push(weights(world));
  }
  t.same(seen, ['1:4 2:1', '1:8 2:1', '1:16 2:1', '1:32 2:1', '1:64 2:1', '1:64 2:1']);
});

t.test('load moves the weight of a server that is up', async (t) => {
  let load: number | null = 0;
  const down = new Set<string>();
  const world = worldOf(down, { load: () => load });
  await use(world, service([server(1, { weight: 8, loadMonitor: { kind: 'uptime', command: 'rsh', scale: 10 } })]));
  await world.advance(21);
  t.equal(weights(world), '1:12');
  load = null;
  await world.advance(20);
  t.equal(weights(world), '1:12', 'an answer that is none changes nothing');
  load = 5;
  await world.advance(20);
  t.equal(weights(world), '1:8');
  load = 0;
  await world.advance(20);
  t.equal(weights(world), '1:12');
  down.add('10.1.0.1');
  await world.advance(6);
  load = null;
  down.clear();
  await world.advance(6);
  t.equal(weights(world), '1:8', 'what comes back starts with its configured weight');
});

t.test('a file that has a service twice: what comes first counts, servers of both serve', async (t) => {
  const world = worldOf(new Set());
  await use(world, service([server(1, { weight: 3 }), server(2)]), service([server(1, { weight: 7 }), server(3)]));
  t.equal(weights(world), '1:3 2:1 3:1');
});

t.test('the addresses of a group share one set of checks; two services with the same check share its probes', async (t) => {
  const down = new Set<string>();
  const world = worldOf(down);
  const second = { ...WEB, address: '192.0.2.11' };
  await use(world, service([server(1), server(2)], { ids: [WEB, second] }), service([server(1)], { ids: [{ ...WEB, port: 81 }] }));
  t.match(world.health.report(), { probes: { monitors: 2 } });
  down.add('10.1.0.1');
  await world.advance(6);
  t.same([WEB, second, { ...WEB, port: 81 }].map((id) => weights(world, id)), ['2:1', '2:1', '']);
  t.same(world.lines.filter(({ kind }) => kind === 'FIFO').map(({ text }) => text), [
    'VS [web]:0 UP', 'VS [192.0.2.10]:tcp:81 UP', 'RS [10.1.0.1]:tcp:80 [web]:0 DOWN', 'RS [10.1.0.1]:tcp:80 [192.0.2.10]:tcp:81 DOWN', 'VS [192.0.2.10]:tcp:81 DOWN',
  ]);
});

t.test('ha_suspend: no probes while the address is elsewhere, what is known is kept, and goes on being true', async (t) => {
  const down = new Set(['10.1.0.1']);
  let here = true;
  const world = worldOf(down, { hasAddress: () => here });
  await use(world, service([server(1), server(2)], { policy: { ...PLAIN_POLICY, haSuspend: true } }));
  await world.advance(1);
  t.equal(weights(world), '2:1');
  await use(world, service([server(1), server(2)], { policy: { ...PLAIN_POLICY, haSuspend: true } }), service([server(3)], { ids: [{ ...WEB, port: 81 }] }));
  here = false;
  world.health.addressesChanged();
  t.equal(world.health.report().probes.monitors, 1, 'a service that does not ask for it is checked all the same');
  await use(world, service([server(1), server(2)], { policy: { ...PLAIN_POLICY, haSuspend: true } }));
  const probes = world.health.report().probes;
  down.clear();
  down.add('10.1.0.2');
  await world.advance(60);
  t.same(world.health.report().probes, { ...probes, monitors: 0 });
  t.equal(weights(world), '2:1');
  here = true;
  world.health.addressesChanged();
  await world.advance(6);
  t.equal(weights(world), '1:1');
});

t.test('drained is told when the last connection has ended', async (t) => {
  const world = worldOf(new Set());
  const events: HealthEvent[] = [];
  world.health.subscribe((event) => void events.push(event));
  await use(world, service([server(1), server(2)]));
  await world.health.administer({ id: WEB, address: '10.1.0.1', port: 80, state: 'drained' });
  await world.advance(5);
  t.same(events.filter(({ kind }) => kind === 'drained' || kind === 'admin').map(({ kind, server: one }) => `${kind} ${one}`), ['admin [10.1.0.1]:tcp:80', 'drained [10.1.0.1]:tcp:80']);
  const run = (persistentConns: number) => ({ address: '10.1.0.2', port: 80, activeConns: 0, inactiveConns: 0, persistentConns, overloaded: false, stats: ZERO_STATS });
  const drained = (): number => events.filter(({ kind, server: one }) => kind === 'drained' && one === '[10.1.0.2]:tcp:80').length;
  world.link.services = [{ key: serviceKey(WEB), stats: ZERO_STATS, destinations: [run(1)] }];
  await world.health.administer({ id: WEB, address: '10.1.0.2', port: 80, state: 'drained' });
  await world.advance(5);
  t.equal(drained(), 0, 'a persistence template brings clients back');
  world.link.services = [{ key: serviceKey(WEB), stats: ZERO_STATS, destinations: [run(0)] }];
  await world.advance(5);
  t.equal(drained(), 1);
});

t.test('endFailed: connections of a server that fails end with it; of one that is drained, disabled or serves in panic they do not', async (t) => {
  const down = new Set<string>();
  const world = worldOf(down);
  const ended = (): string[] => world.link.edits.flatMap((edit) => (edit.op === 'endConnections' ? [edit.address] : []));
  const run = (policy: Partial<DesiredService['policy']>): Promise<unknown> => use(world, service([server(1), server(2), server(3, { inhibitOnFailure: true }), server(4)], { policy: { ...PLAIN_POLICY, ...policy } }));
  await run({ endFailed: true });
  await world.health.administer({ id: WEB, address: '10.1.0.1', port: 80, state: 'drained' });
  await world.health.administer({ id: WEB, address: '10.1.0.4', port: 80, state: 'disabled' });
  t.same(ended(), []);
  down.add('10.1.0.2').add('10.1.0.3');
  await world.advance(6);
  t.equal(weights(world), '1:0 3:0');
  t.same(ended().sort(), ['10.1.0.2', '10.1.0.3'], 'removed, or kept at weight 0');
  const at = world.link.edits.findIndex((edit) => edit.op === 'endConnections' && edit.address === '10.1.0.2');
  t.match(world.link.edits[at + 1], { op: 'deleteDestination', address: '10.1.0.2' }, 'in one step with its removal');
  down.clear();
  await world.advance(6);
  await run({ endFailed: true, panicThreshold: 0.9 });
  down.add('10.1.0.2');
  await world.advance(6);
  await run({ endFailed: false });
  down.add('10.1.0.3');
  await world.advance(6);
  t.equal(ended().length, 2, 'nor where the service does not say so');
  t.same(world.problems, []);
});

t.test('what happened last is kept in the report, and a configuration that was not taken until one is', async (t) => {
  const down = new Set<string>();
  const world = worldOf(down);
  await use(world, service([server(1), server(2)]));
  for (let n = 0; n < 60; n++) {
    down.add('10.1.0.1');
    await world.advance(6);
    down.clear();
    await world.advance(6);
  }
  const { timeline } = world.health.report();
  t.equal(timeline.length, 100);
  t.match(timeline.at(-1), { kind: 'server', server: '[10.1.0.1]:tcp:80', state: 'up' });
  world.health.refused('test.conf', 'test.conf:1:1: error: no');
  t.match(world.health.report(), { refusedReload: { source: 'test.conf', message: 'test.conf:1:1: error: no' } });
  t.match(world.health.report().timeline.at(-1), { kind: 'problem', message: 'test.conf was not taken: test.conf:1:1: error: no' });
  await use(world, service([server(1)]));
  t.equal(world.health.report().refusedReload, null);
});

t.test('a preview says what running a configuration would take, with what checks know, and changes nothing', async (t) => {
  const down = new Set(['10.1.0.1']);
  const world = worldOf(down);
  const other = { ...service([]).service, id: { ...WEB, port: 8080 } };
  await world.controller.call('apply', { commands: [{ op: 'addService', service: other }] });
  const configuration = { services: [service([server(1), server(2)])], globals: { ...NO_GLOBALS, timeouts: { tcp: 60, tcpFin: 0, udp: 0 } } };
  await world.health.use(configuration, 'test.conf');
  await world.advance(1);
  const before = world.rules;
  const preview = async (alone: boolean, services = configuration.services): Promise<string[]> => (await world.health.preview({ ...configuration, services }, { alone })).map(({ op }) => op);
  t.same(await preview(false), [], 'a server that is down is not put in, a time that is set is not set again');
  t.same(await preview(true), ['deleteService']);
  t.same(await preview(false, [service([server(2), server(3)])]), ['addDestination']);
  t.equal(world.rules, before);
  t.match(world.health.report(), { probes: { monitors: 2 } });
  t.same((await world.health.use(configuration, 'test.conf', { alone: true })).map(({ op }) => op), ['deleteService']);
});

t.test('random reloads and failures: a server that stays wanted and up is never taken out, and the table always ends as wanted', async () => {
  const ups = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(ups, ups), { minLength: 1, maxLength: 6 }), async (rounds) => {
    const down = new Set<string>();
    const world = worldOf(down);
    const steady = server(9, { weight: 2 });
    await use(world, service([steady]));
    for (const [wanted, up] of rounds) {
      down.clear();
      up.forEach((alive, n) => { if (!alive) down.add(`10.1.0.${n + 1}`); });
      await use(world, service([...wanted.flatMap((has, n) => (has ? [server(n + 1)] : [])), steady]));
      await world.advance(11);
      const expected = [...wanted.flatMap((has, n) => (has && up[n] ? [`${n + 1}:1`] : [])), '9:2'].sort().join(' ');
      if (weights(world) !== expected) throw new Error(`${weights(world)} is not ${expected}`);
    }
    const touched = world.link.edits.filter((edit) => (edit.op === 'deleteDestination' && edit.address === '10.1.0.9') || edit.op === 'deleteService');
    if (touched.length > 0) throw new Error(`touched: ${JSON.stringify(touched)}`);
  }), { numRuns: 30 });
});
