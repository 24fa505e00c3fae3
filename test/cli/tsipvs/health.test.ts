import t from 'tap';
import { administered } from '../../../cli/tsipvs/administer.ts';
import { drainText, holders, parseDuration } from '../../../cli/tsipvs/drain.ts';
import { eventText } from '../../../cli/tsipvs/event-text.ts';
import { healthText } from '../../../cli/tsipvs/health-text.ts';
import { findPlace } from '../../../cli/tsipvs/place.ts';
import { parseWeight } from '../../../cli/tsipvs/weight.ts';
import { NO_ADMIN_STATE, type HealthReport } from '../../../lib/model/health-state.ts';
import type { ConnectionRecord } from '../../../lib/model/stats.ts';
import type { ServiceId } from '../../../lib/model/virtual-service.ts';
import { FakeDaemon } from './fake-daemon.ts';

const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const REPORT: HealthReport = {
  source: 'keepalived.conf', foreignChanges: 1, lostNotifications: 2, refusedReload: { timeMs: 0, source: 'keepalived.conf', message: 'f:1:1: error: no' }, timeline: [{ timeMs: 0, kind: 'problem', service: '', server: null, state: null, message: 'f was not taken' }], probes: { monitors: 1, running: 0, passed: 9, failed: 4 },
  services: [{
    name: 'web', ids: [WEB], quorumUp: false, liveWeight: 0, quorum: 1, hysteresis: 0, arithmetic: 'live weight 0 < quorum 1: down', panic: false, sorryServer: { address: '10.1.0.9', port: 80, inUse: true },
    servers: [{
      address: '10.1.0.1', port: 80, up: false, configuredWeight: 3, weight: null, admin: { ...NO_ADMIN_STATE, state: 'drained' }, load: null,
      checks: [{
        name: 'TCP_CHECK', kind: 'tcp', target: '10.1.0.1:80', up: false, hasRun: true, intervalSec: 5, passed: 9, failed: 4, retry: 0, retries: 1, successes: 1, successesNeeded: 3,
        results: [{ timeMs: 0, latencyMs: 2.5, ok: false, error: 'connection refused', transition: 'down' }],
      }],
    }],
  }],
};

t.test('services and servers are named as people name them', async (t) => {
  const daemon = new FakeDaemon();
  daemon.health = { ...REPORT, services: [{ ...REPORT.services[0]!, ids: [{ kind: 'fwmark', fwmark: 7, family: 4 }, { ...WEB, address: '2001:db8::10' }] }] };
  t.same(await findPlace(daemon, '192.0.2.10:80', '10.1.0.1'), { id: WEB, address: '10.1.0.1', port: 80 });
  t.same(await findPlace(daemon, 'tcp:192.0.2.10:80', '10.1.0.1:8080'), { id: WEB, address: '10.1.0.1', port: 8080 });
  t.match(await findPlace(daemon, 'fwmark:7', '[2001:db8::1]:80'), { id: { fwmark: 7 }, address: '2001:db8::1', port: 80 });
  t.match(await findPlace(daemon, '[2001:DB8:0::10]:80', '2001:db8::1'), { id: { address: '2001:db8::10' }, port: 80 });
  t.match(await findPlace(daemon, 'web', '10.1.0.1'), { id: { fwmark: 7 }, port: 80 }, 'by its name in the configuration, and the one port that the address has there');
  const one = REPORT.services[0]!.servers[0]!;
  daemon.health = { ...REPORT, services: [{ ...REPORT.services[0]!, ids: [{ ...WEB, port: 81 }], servers: [{ ...one, port: 8081 }, { ...one, port: 8082 }] }] };
  await t.rejects(findPlace(daemon, '192.0.2.10:81', '10.1.0.1'), { message: /ports 8081, 8082: say which/ });
  t.match(await findPlace(daemon, '192.0.2.10:81', '10.1.0.1:8082'), { port: 8082 });
  for (const [service, server, problem] of [['udp:192.0.2.10:80', '10.1.0.1', /no service/], ['192.0.2.10', '10.1.0.1', /is not a service: .*name in the configuration/], ['shop', '10.1.0.1', /shop is not a service/], ['192.0.2.10:80', 'rs1', /is not ADDRESS/], ['192.0.2.10:80', '10.1.0.1:99999', /is not ADDRESS/]] as const) {
    await t.rejects(findPlace(daemon, service, server), { message: problem });
  }
});

t.test('drain, enable and weight ask for one thing, and say what holds now', async (t) => {
  const daemon = new FakeDaemon();
  const args = { service: '192.0.2.10:80', server: '10.1.0.1', json: false };
  t.equal(await administered(daemon, args, { state: 'drained' }), '10.1.0.1:80: drained\n');
  t.equal(await administered(daemon, args, { weight: parseWeight('9') }), '10.1.0.1:80: enabled, weight 9\n');
  t.equal(await administered(daemon, args, { state: 'enabled', checks: 'down' }), '10.1.0.1:80: enabled, forced down\n');
  t.match(JSON.parse(await administered(daemon, { ...args, json: true }, { weight: parseWeight('configured') })), { address: '10.1.0.1', weight: null });
  t.same(daemon.administered[0], { id: WEB, address: '10.1.0.1', port: 80, state: 'drained' });
  for (const bad of ['-1', 'x', '1.5', '99999999999']) t.throws(() => parseWeight(bad), /is not 0 to/);
});

t.test('drain says what holds the server: its connections and templates, nobody else\'s', async (t) => {
  const record: ConnectionRecord = {
    family: 4, protocol: 6, state: 'ESTABLISHED', expiresSec: 840, client: '203.0.113.7', clientPort: 40_001, virtual: '192.0.2.10', virtualPort: 80, destination: '10.1.0.1', destinationPort: 80,
    template: false, method: 'masq', pe: null, peData: null, ageSec: 75, idleSec: 60,
  };
  const connections = [record, { ...record, template: true, state: 'NONE', clientPort: 0, expiresSec: 30, ageSec: 90 }, { ...record, destination: '10.1.0.2' }, { ...record, virtualPort: 81 }, { ...record, protocol: 17 }];
  const place = { id: WEB, address: '10.1.0.1', port: 80 };
  const held = await holders({ call: async () => ({ connections }) as never }, place);
  t.same(held, connections.slice(0, 2));
  t.equal(drainText(place, held, false), [
    '10.1.0.1:80: drained, still held by 1 connection, 1 persistence template',
    '  STATE                 CLIENT              AGE  IDLE  ENDS IN',
    '  persistence template  203.0.113.7        90 s  60 s     30 s',
    '  ESTABLISHED           203.0.113.7:40001  75 s  60 s    840 s', '',
  ].join('\n'));
  t.equal(drainText(place, [], false), '10.1.0.1:80: drained, no connection is left\n');
  t.match(JSON.parse(drainText(place, held, true)), { drained: false, connections: [{ client: '203.0.113.7' }, {}] });
  t.same(['30s', '5m', '1h', '2'].map(parseDuration), [30_000, 300_000, 3_600_000, 2000]);
  t.throws(() => parseDuration('soon'), /is not a time/);
});

t.test('health as text: quorum arithmetic, servers, checks and, asked for, their results', async (t) => {
  t.equal(healthText(REPORT, false), `keepalived.conf: 1 service, 1 check, 9 probes passed, 4 failed, 1 change of others put right, 2 notifications lost
Not taken 1970-01-01T00:00:00.000Z: keepalived.conf: f:1:1: error: no

DOWN tcp 192.0.2.10 80 (web)
     live weight 0 < quorum 1: down
  down 10.1.0.1:80  not in the table, drained by command
         fails  TCP_CHECK 10.1.0.1:80 every 5 s: connection refused (2.5 ms), 1 of 3 successes; 9 passed, 4 failed
  sorry server 10.1.0.9:80: serves

What happened last
  1970-01-01T00:00:00.000Z problem f was not taken
`);
  t.match(healthText(REPORT, true), /1970-01-01T00:00:00\.000Z {6}2\.5 ms connection refused: DOWN\n/);
  t.match(healthText({ ...REPORT, source: null, services: [] }, false), /--config FILE/);
});

t.test('events as lines and as JSON', async (t) => {
  const event = { timeMs: 0, kind: 'server', service: '[192.0.2.10]:tcp:80', server: '[10.1.0.1]:tcp:80', state: 'down', message: 'connection refused' } as const;
  t.equal(eventText(event, false), '1970-01-01T00:00:00.000Z server  [192.0.2.10]:tcp:80 [10.1.0.1]:tcp:80 DOWN: connection refused\n');
  t.same(JSON.parse(eventText(event, true)), event);
  t.equal(eventText({ ...event, kind: 'reload', service: '', server: null, state: null, message: 'x.conf: 1 service' }, false), '1970-01-01T00:00:00.000Z reload  x.conf: 1 service\n');
});
