import t from 'tap';
import fc from 'fast-check';
import { quorumUp } from '../../lib/health/quorum.ts';
import { decide, type ServerInput } from '../../lib/health/service-policy.ts';
import { nextSlowStartMs, slowStartWeight } from '../../lib/health/slow-start.ts';
import { loadWeight, parseLoad } from '../../lib/health/load-weight.ts';
import { PLAIN_POLICY } from '../../lib/model/desired-configuration.ts';
import { IPIP_TUNNEL, type Destination } from '../../lib/model/destination.ts';
import { NO_ADMIN_STATE } from '../../lib/model/health-state.ts';

const destination = (n: number, weight: number): Destination => ({ address: `10.1.0.${n}`, port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 });
const server = (n: number, up: boolean, weight = 1, more: Partial<ServerInput> = {}): ServerInput =>
  ({ destination: destination(n, weight), up, weight, inhibitOnFailure: false, upForMs: null, admin: NO_ADMIN_STATE, ...more });
const sorry = { destination: destination(9, 1), inhibit: false, mode: 'replace' as const };
const weights = (wanted: readonly Destination[]): string => wanted.map(({ address, weight }) => `${address.slice(7)}:${weight}`).sort().join(' ');

t.test('on any walk of live weights the quorum changes exactly where keepalived\'s two inequalities say', async () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 19 }), fc.array(fc.integer({ min: 0, max: 45 }), { maxLength: 60 }), (quorum, wide, walk) => {
    const hysteresis = Math.min(wide, quorum - 1);
    let up = false;
    for (const live of walk) {
      const next: boolean = quorumUp(up, live, { quorum, hysteresis });
      const gained: boolean = !up && live >= quorum + hysteresis;
      const lost: boolean = up && (live === 0 || live < quorum - hysteresis);
      if (next !== (up ? !lost : gained)) return false;
      // Between the two thresholds nothing changes.
      if (live > 0 && live >= quorum - hysteresis && live < quorum + hysteresis && next !== up) return false;
      up = next;
    }
    return true;
  }));
});

t.test('without any live weight there is no quorum, however wide the hysteresis', async (t) => {
  t.same([quorumUp(true, 0, { quorum: 1, hysteresis: 1 }), quorumUp(true, 1, { quorum: 1, hysteresis: 1 }), quorumUp(null, 1, { quorum: 1, hysteresis: 1 })], [false, true, false]);
});

t.test('for any servers: the sorry server serves exactly without quorum, alone; nobody serves who is down or disabled', async () => {
  const anyServer = fc.record({ up: fc.boolean(), weight: fc.integer({ min: 0, max: 5 }), inhibitOnFailure: fc.boolean(), state: fc.constantFrom('enabled' as const, 'drained' as const, 'disabled' as const) });
  fc.assert(fc.property(fc.array(anyServer, { maxLength: 8 }), fc.integer({ min: 1, max: 10 }), fc.boolean(), fc.boolean(), (given, quorum, wasUp, joins) => {
    const inputs = given.map(({ up, weight, inhibitOnFailure, state }, n) => server(n + 10, up, weight, { inhibitOnFailure, admin: { ...NO_ADMIN_STATE, state } }));
    const decision = decide({ ...PLAIN_POLICY, quorum, sorryServer: { ...sorry, mode: joins ? 'joins' : 'replace' } }, wasUp, inputs);
    const serving = decision.wanted.filter(({ weight }) => weight > 0);
    const sorryServes = serving.some(({ address }) => address === '10.1.0.9');
    const may = new Set(inputs.filter(({ up, admin }) => up && admin.state === 'enabled').map((one) => one.destination.address));
    return sorryServes === !decision.quorumUp && (joins || !sorryServes || serving.length === 1) && serving.every(({ address }) => address === '10.1.0.9' || may.has(address))
      && inputs.every(({ destination: one, admin }) => admin.state !== 'disabled' || !decision.wanted.some(({ address }) => address === one.address));
  }));
});

t.test('what is down is removed, or at weight 0 where that is wanted', async (t) => {
  const servers = [server(1, true, 3), server(2, false, 2), server(3, false, 1, { inhibitOnFailure: true })];
  t.equal(weights(decide(PLAIN_POLICY, true, servers).wanted), '1:3 3:0');
  t.equal(weights(decide({ ...PLAIN_POLICY, onFailure: 'quiesce' }, true, servers).wanted), '1:3 2:0 3:0');
});

t.test('sorry server: replaces, joins, waits at weight 0, or is one of the real servers', async (t) => {
  const policy = { ...PLAIN_POLICY, quorum: 2, sorryServer: sorry };
  const servers = [server(1, true), server(2, false)];
  t.equal(weights(decide(policy, true, servers).wanted), '9:1');
  t.equal(weights(decide({ ...policy, sorryServer: { ...sorry, mode: 'joins' } }, true, servers).wanted), '1:1 9:1');
  t.equal(weights(decide({ ...policy, quorum: 1, sorryServer: { ...sorry, inhibit: true } }, true, servers).wanted), '1:1 9:0');
  t.equal(weights(decide({ ...policy, onFailure: 'quiesce', sorryServer: { ...sorry, destination: destination(2, 1) } }, true, servers).wanted), '1:0 2:1');
});

t.test('panic: health is ignored when too few are left, but not what the administrator took out', async (t) => {
  const servers = [server(1, true), server(2, false), server(3, false), server(4, false, 1, { admin: { ...NO_ADMIN_STATE, state: 'disabled' } })];
  t.match(decide({ ...PLAIN_POLICY, panicThreshold: 0.5 }, true, servers), { panic: true, quorumUp: true });
  t.equal(weights(decide({ ...PLAIN_POLICY, panicThreshold: 0.5 }, true, servers).wanted), '1:1 2:1 3:1');
  t.match(decide({ ...PLAIN_POLICY, panicThreshold: 0.3 }, true, servers), { panic: false });
});

t.test('the administrator\'s weight and drain go before checks and load', async (t) => {
  const servers = [server(1, true, 3, { admin: { ...NO_ADMIN_STATE, weight: 7 } }), server(2, true, 3, { admin: { ...NO_ADMIN_STATE, state: 'drained', weight: 7 } })];
  t.match(decide(PLAIN_POLICY, true, servers), { liveWeight: 7 });
  t.equal(weights(decide(PLAIN_POLICY, true, servers).wanted), '1:7 2:0');
});

t.test('slow start: a 32nd, doubling every 20 s, up to the weight', async (t) => {
  t.same([0, 19_999, 20_000, 40_000, 60_000, 80_000, 100_000, 1e12].map((since) => slowStartWeight(64, since)), [2, 2, 4, 8, 16, 32, 64, 64]);
  t.same([0, 20_000].map((since) => slowStartWeight(1, since)), [1, 1]);
  t.same([[64, 0], [64, 5000], [64, 100_000], [1, 0]].map(([weight, since]) => nextSlowStartMs(weight!, since!)), [20_000, 15_000, Infinity, Infinity]);
  t.match(decide(PLAIN_POLICY, true, [server(1, true, 64, { upForMs: 25_000 })]), { wanted: [{ weight: 4 }], nextChangeMs: 15_000, liveWeight: 64 });
});

t.test('load: the weight follows between the configured one and scale times it, in steps of a quarter at least', async (t) => {
  t.equal(loadWeight(8, 8, 10, 0), 12);
  t.equal(loadWeight(78, 8, 10, 0), 80, 'not above scale times the weight');
  t.equal(loadWeight(12, 8, 10, 2), 8);
  t.equal(loadWeight(9, 8, 10, 2), 9, 'less than a quarter is no change');
  t.equal(loadWeight(8, 8, 10, 0.99), 8);
  t.equal(loadWeight(80, 80, 10, 0.5), 112, 'by the cube root of what is missing to 1');
  t.same([' 10:00:00 up 1 day,  2 users,  load average: 0.42, 0.10, 0.05', 'rs1  up 1+02:03, 3 users, load 1.5, 1.0, 0.9', 'nothing'].map(parseLoad), [0.42, 1.5, null]);
});
