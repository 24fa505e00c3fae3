import t from 'tap';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import { formatReference, SCENARIO } from '../../lib/laboratory/scenario-schema.ts';

const HEAD = 'version: 1\nname: w\ntitle: t\nquestion: q\nduration: 10s\n';
const GOOD = `${HEAD}arrivals: { process: poisson, rate: 10 }\nwork: 10ms\nservers: [{ name: s, count: 3 }]\n`;

t.test('what a small file leaves out has its default', async (t) => {
  const { servers, service, clients, workSec, requests, events, schedulers } = readScenario('w.yaml', GOOD);
  t.same(servers.map(({ name }) => name), ['s1', 's2', 's3']);
  t.equal(servers[0]!.concurrency, Infinity);
  t.same(service, { protocol: 'tcp', onePacket: false, persistenceSec: 0, persistenceMask: '255.255.255.255', timeouts: { tcp: 0, tcpFin: 0, udp: 0 } });
  t.same(clients, { count: 100_000, skew: 0, networks: 0, gateways: { count: 0, share: 0 } });
  t.same([workSec, requests], [{ kind: 'deterministic', mean: 0.01 }, { kind: 'deterministic', mean: 1 }]);
  t.same([events, schedulers], [[], ['all']]);
});

t.test('flapping and rolling become the single events they stand for, by time', async (t) => {
  const { events } = readScenario('w.yaml', `${GOOD.replace('10s', '100s')}events:\n  - { at: 10s, kind: flap, server: s2, every: 20s, times: 2, down: 5s, detect: 1s }\n  - { at: 11s, kind: roll, every: 30s, drain: 2s, down: 3s }\n`);
  t.same(events.map(({ atMs, kind, server }) => `${atMs / 1000} ${kind} ${server}`), [
    '10 fail 1', '11 drain 0', '13 leave 0', '15 recover 1', '16 join 0', '30 fail 1', '35 recover 1', '41 drain 1', '43 leave 1', '46 join 1', '71 drain 2', '73 leave 2', '76 join 2',
  ]);
});

t.test('a mistake is one line with file, line and column', async (t) => {
  const refused = (text: string): string => {
    try {
      readScenario('w.yaml', text);
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const cases: readonly (readonly [string, RegExp])[] = [
    [GOOD.replace('work: 10ms', 'wrok: 10ms'), /^w\.yaml:7:1: error: unknown field "wrok" in the scenario; the file is refused \(did you mean "work"\?\)/],
    [GOOD.replace('rate: 10', 'rate: -1'), /^w\.yaml:6:37: error: arrivals: rate: -1 is outside \[0\.001, 10000000\]/],
    [GOOD.replace('rate: 10', 'size: 4'), /^w\.yaml:6:\d+: error: arrivals: poisson needs a field "rate"/],
    [GOOD.replace('poisson', 'posson'), /process must be one of poisson, deterministic, bursts, closed.*did you mean "poisson"/],
    [GOOD.replace('10ms', '{ distribution: pareto, mean: 10ms, shape: 1 }'), /pareto: with shape 1 there is no mean; above 1/],
    [GOOD.replace('10ms', '{ distribution: bounded-pareto, least: 2s, most: 1s, shape: 1.5 }'), /least \(2\) must be above 0 and below most \(1\)/],
    [GOOD.replace('10ms', '{ distribution: hyperexponential, mean: 1s, cv: 0.5 }'), /cv 0\.5 must be above 1/],
    [GOOD.replace('10ms', '{ distribution: lognormal, mean: 1s }'), /lognormal needs a field "cv"/],
    [GOOD.replace('count: 3', 'count: -3'), /count: -3 is outside/],
    [`${GOOD}schedulers: [rr, wlcc]\n`, /no scheduler "wlcc".*did you mean wlc/],
    [`${GOOD}events: [{ at: 5s, kind: leave, server: s9 }]\n`, /event leave: no server is called s9/],
    [`${GOOD}events: [{ at: 11s, kind: leave, server: s1 }]\n`, /one is at 11 s, after the end at 10 s/],
    [`${GOOD}events: [{ at: 1s, kind: weight, server: s1 }]\n`, /event weight needs a field "weight"/],
    [`${GOOD}service: { onePacket: true }\n`, /onePacket is for protocol udp/],
    [`${GOOD}service: { persistenceMask: 1.2.3 }\n`, /"1\.2\.3" is no netmask/],
    [GOOD.replace('[{ name: s, count: 3 }]', '[{ name: s }, { name: s }]'), /two are called s/],
    [GOOD.replace('servers: [{ name: s, count: 3 }]\n', ''), /needs a field "servers"/],
    ['version: 2\n', /version: 2 is outside \[1, 1\]/],
    ['', /^w\.yaml: the file is empty; "tsipvs schedulers show/],
    ['a: [', /^w\.yaml:\d+:\d+: no YAML: /],
    ['- 1', /the scenario must be a mapping/],
  ];
  for (const [text, message] of cases) t.match(refused(text), message);
});

t.test('the reference names every field', async (t) => {
  const reference = formatReference();
  for (const field of Object.keys(SCENARIO)) t.match(reference, new RegExp(`^  ${field} `, 'm'));
});
