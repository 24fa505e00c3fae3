/**
 * Random lives of whole services: whatever real servers do, the quorum is announced exactly where keepalived's two inequalities say, and the table
 * holds what follows from it; and whatever configurations are read in between, a connection whose server stays keeps it.
 */
import t from 'tap';
import fc from 'fast-check';
import { failed, PASSED } from '../../lib/health/checker.ts';
import { NO_GLOBALS, PLAIN_POLICY, type DesiredDestination, type DesiredService } from '../../lib/model/desired-configuration.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, server as addressOf, tcpFrame, TestDirector, VIP } from '../support/frames.ts';
import { TIMING } from './checker-cases.ts';
import { HealthWorld } from './health-world.ts';

const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: VIP, port: 80 };
const SORRY = 9;
/** More than an interval. */
const ROUND_SEC = 6;
const { syn, ack } = TCP_FLAG;

function server(n: number, weight: number, inhibitOnFailure = false): DesiredDestination {
  return {
    destination: { address: addressOf(n), port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight, upperThreshold: 0, lowerThreshold: 0 }, checks: [{ check: { kind: 'tcp' }, timing: TIMING, target: {}, name: 'TCP_CHECK' }],
    inhibitOnFailure, notifyUp: null, notifyDown: null, slowStart: false, loadMonitor: null, disabled: false, smtpAlert: false, startsUp: true,
  };
}

function service(id: ServiceId, destinations: readonly DesiredDestination[], policy: Partial<DesiredService['policy']> = {}, scheduler = 'rr', persistenceSec = 0): DesiredService {
  return { ids: [id], destinations, policy: { ...PLAIN_POLICY, ...policy }, name: 'web', service: { id, scheduler, schedFlags: 0, persistenceSec, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } };
}

t.test('random walks of live weights: quorum, sorry server and table are as keepalived\'s two inequalities say, at every step', async () => {
  const weights = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
  const seen = { gained: 0, lost: 0, between: 0 };
  await fc.assert(fc.asyncProperty(weights, fc.integer({ min: 1, max: 8 }), fc.nat(3), fc.boolean(), fc.boolean(), fc.array(fc.nat(5), { maxLength: 30 }), async (given, quorum, wide, hasSorry, inhibit, flips) => {
    const hysteresis = Math.min(wide, quorum - 1);
    const down = new Set<number>();
    const world = new HealthWorld((_check, { address }) => (given.some((_, n) => down.has(n) && addressOf(n + 1) === address) ? failed('no') : PASSED), { random: () => 0 });
    const sorryServer = hasSorry ? { destination: server(SORRY, 1).destination, inhibit: false, mode: 'replace' as const } : null;
    await world.health.use({ services: [service(WEB, given.map((weight, n) => server(n + 1, weight, inhibit)), { quorum, hysteresis, sorryServer })], globals: NO_GLOBALS }, 'x');
    let up: boolean = false;
    const announced: string[] = [];
    // Nothing, then one server after the other turns.
    for (const flip of [null, ...flips]) {
      if (flip !== null) {
        const n = flip % given.length;
        if (!down.delete(n)) down.add(n);
        await world.advance(ROUND_SEC);
      }
      const live = given.reduce((sum, weight, n) => sum + (down.has(n) ? 0 : weight), 0);
      const gained: boolean = !up && live >= quorum + hysteresis;
      const lost: boolean = up && (live === 0 || live < quorum - hysteresis);
      if (gained || lost) {
        up = gained;
        announced.push(`VS [${VIP}]:tcp:80 ${up ? 'UP' : 'DOWN'}`);
        seen[gained ? 'gained' : 'lost']++;
      } else if (live !== 0 && live >= quorum - hysteresis && live < quorum + hysteresis) seen.between++;
      const alone = !up && hasSorry;
      const wanted = [...given.flatMap((weight, n) => (down.has(n) || alone ? (inhibit ? [`${addressOf(n + 1)} 0`] : []) : [`${addressOf(n + 1)} ${weight}`])), ...(alone ? [`${addressOf(SORRY)} 1`] : [])].sort();
      const table = world.table.service(WEB)!.destinations.map(({ address, weight }) => `${address} ${weight}`).sort();
      if (JSON.stringify(table) !== JSON.stringify(wanted)) throw new Error(`table ${table.join(', ')}, not ${wanted.join(', ')}, at live weight ${live}`);
      if (world.health.report().services[0]!.quorumUp !== up) throw new Error(`quorum ${up ? 'down' : 'up'} at live weight ${live}`);
    }
    const told = world.lines.filter(({ kind, text }) => kind === 'FIFO' && text.startsWith('VS')).map(({ text }) => text);
    if (JSON.stringify(told) !== JSON.stringify(announced)) throw new Error(`told ${told.join(', ')}, not ${announced.join(', ')}`);
    world.health.close();
  }), { numRuns: 80 });
  t.ok(seen.gained > 10 && seen.lost > 10 && seen.between > 10, JSON.stringify(seen));
});

t.test('random reloads: a connection whose server stays goes on to the same server, packet by packet', async () => {
  const SERVERS = [1, 2, 3, 4, 5, 6];
  const configuration = fc.record({ wanted: fc.subarray(SERVERS), weight: fc.integer({ min: 0, max: 4 }), scheduler: fc.constantFrom('rr', 'wlc', 'sh'), persistenceSec: fc.constantFrom(0, 300), others: fc.nat(2), down: fc.subarray(SERVERS, { maxLength: 2 }) });
  let kept = 0;
  await fc.assert(fc.asyncProperty(fc.array(configuration, { minLength: 1, maxLength: 6 }), async (rounds) => {
    const director = new TestDirector();
    const down = new Set<number>();
    const world = new HealthWorld((_check, { address }) => (SERVERS.some((n) => down.has(n) && addressOf(n) === address) ? failed('no') : PASSED), { random: () => 0 });
    const apply = world.link.apply;
    world.link.apply = async (edits) => {
      for (const edit of edits) director.edit(edit);
      await apply(edits);
    };
    const use = (services: readonly DesiredService[]): Promise<unknown> => world.health.use({ services, globals: NO_GLOBALS }, 'x');
    await use([service(WEB, SERVERS.map((n) => server(n, 1)))]);
    const connections = new Map<number, string>();
    for (let port = 40_001; port <= 40_012; port++) connections.set(port, director.send(tcpFrame(CLIENT, port, VIP, 80, syn))[0]!.dst!);
    const touched = new Set<string>();
    for (const { wanted, weight, scheduler, persistenceSec, others, down: failing } of rounds) {
      down.clear();
      failing.forEach((n) => down.add(n));
      const more = Array.from({ length: others }, (_, n) => service({ ...WEB, port: 81 + n }, [server(1, 1)]));
      await use([...more, service(WEB, wanted.map((n) => server(n, weight)), {}, scheduler, persistenceSec)]);
      await world.advance(ROUND_SEC);
      for (const n of SERVERS) if (!wanted.includes(n) || down.has(n)) touched.add(addressOf(n));
      for (const [port, to] of connections) {
        if (touched.has(to)) continue;
        const [out] = director.send(tcpFrame(CLIENT, port, VIP, 80, ack));
        if (out?.kind !== 'transmit' || out.dst !== to) throw new Error(`connection ${port} of ${to}: ${JSON.stringify(out?.kind)} ${out?.dst}`);
        kept++;
      }
    }
    world.health.close();
  }), { numRuns: 40 });
  t.ok(kept > 100, `${kept} packets of connections that were to stay`);
});
