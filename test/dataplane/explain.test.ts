/**
 * explain says what then happens: for every scheduler, 10,000 flows over services with weights, thresholds, persistence, marks and one-packet
 * scheduling, while destinations come, go and change; the record is, step by step, the one the packet itself leaves.
 */
import t from 'tap';
import type { Explanation, FlowQuestion } from '../../lib/model/explanation.ts';
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import type { SysctlName } from '../../lib/model/sysctl.ts';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import type { VirtualService } from '../../lib/model/virtual-service.ts';
import { SCHEDULER_NAMES } from '../../lib/schedulers/names.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, destination, sctpFrame, server, service, tcpFrame, tcpService, TestDirector, udpFrame, udpService, VIP, VIP6 } from '../support/frames.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const { syn, ack, fin, rst } = TCP_FLAG;
const FLOWS = 10_000;
const INIT_CHUNK = 1;
const SERVICES: readonly ((scheduler: string, schedFlags: number) => VirtualService)[] = [
  (scheduler, schedFlags) => tcpService(80, { scheduler, schedFlags }),
  (scheduler, schedFlags) => tcpService(443, { scheduler, schedFlags, persistenceSec: 60, persistenceMask: '255.255.255.0' }),
  (scheduler, schedFlags) => udpService(53, { scheduler, schedFlags, onePacket: true }),
  (scheduler, schedFlags) => udpService(123, { scheduler, schedFlags }),
  (scheduler, schedFlags) => udpService(5060, { scheduler, schedFlags, persistenceSec: 30, persistenceEngine: 'sip' }),
  (scheduler, schedFlags) => service({ kind: 'address', protocol: 'sctp', address: VIP, port: 5000 }, { scheduler, schedFlags }),
  (scheduler, schedFlags) => service({ kind: 'fwmark', fwmark: 7, family: 4 }, { scheduler, schedFlags, persistenceSec: 20 }),
  (scheduler, schedFlags) => tcpService(0, { scheduler, schedFlags, persistenceSec: 40 }, '192.0.2.11'),
  (scheduler, schedFlags) => service({ kind: 'address', protocol: 'tcp', address: VIP6, port: 80 }, { scheduler, schedFlags }),
];

class World {
  readonly director: TestDirector;
  readonly random: SeededRandom;
  readonly services: readonly VirtualService[];
  readonly records: TraceRecord[] = [];
  readonly #asked: FlowQuestion[] = [];

  constructor(scheduler: string, seed: number) {
    this.random = new SeededRandom(seed);
    this.director = new TestDirector({ random: new SeededRandom(seed + 1).next, maxConnections: 3000 });
    this.services = SERVICES.map((make) => make(scheduler, this.random.below(4)));
    this.director.edit({ op: 'marks', rules: [{ mark: 7, family: 4, destination: VIP, protocol: 6, destinationPorts: [8000, 8100] }] });
    for (const each of this.services) {
      this.director.serve(each);
      for (let n = 1; n <= 5; n++) this.addDestination(each, n);
    }
    this.director.dataplane.trace({}, (record) => this.records.push(record));
  }

  addDestination(of: VirtualService, n: number): void {
    const family = of.id.kind === 'address' && of.id.address === VIP6 ? 6 : 4;
    const port = of.id.kind === 'fwmark' || of.id.port === 0 ? 0 : this.random.pick([of.id.port, 8080]);
    const upperThreshold = this.random.chance(0.3) ? 1 + this.random.below(40) : 0;
    this.director.edit({ op: 'addDestination', id: of.id, destination: destination(server(n, family), port, {
      weight: this.random.pick([0, 1, 1, 2, 3, 5, 100]), upperThreshold, lowerThreshold: this.random.chance(0.5) ? upperThreshold >> 1 : 0,
      method: port === 0 || port === 8080 ? 'masq' : this.random.pick(['masq', 'route', 'tunnel']),
    }) });
  }

  question(): FlowQuestion {
    const { random } = this;
    // Flows that were there before: connections that exist, or are over.
    if (this.#asked.length > 0 && random.chance(0.15)) return random.pick(this.#asked);
    const question = this.#newQuestion();
    this.#asked.push(question);
    if (this.#asked.length > 100) this.#asked.shift();
    return question;
  }

  #newQuestion(): FlowQuestion {
    const { random } = this;
    const of = random.pick(this.services);
    const clientPort = 1024 + random.below(200);
    if (of.id.kind === 'fwmark') return { protocol: 'tcp', client: `203.0.113.${random.below(250)}`, clientPort, virtual: VIP, virtualPort: 8000 + random.below(100) };
    const six = of.id.address === VIP6;
    return {
      protocol: of.id.protocol, client: six ? `2001:db8:ff::${(1 + random.below(200)).toString(16)}` : `203.0.${random.below(4)}.${random.below(250)}`, clientPort,
      virtual: of.id.address, virtualPort: of.id.port === 0 ? 1 + random.below(60_000) : random.chance(0.02) ? 81 : of.id.port,
      ...(of.id.port === 5060 && random.chance(0.9) ? { callId: `call${random.below(40)}@example.net` } : {}),
    };
  }

  /** Something else happens. */
  disturb(): void {
    const { random, director } = this;
    const of = random.pick(this.services);
    switch (random.below(9)) {
      case 0: {
        const listed = director.dataplane.stats().services.find(({ stats, key }) => stats !== undefined && key === this.#key(of))!;
        if (listed.destinations.length > 1) {
          const { address, port } = random.pick(listed.destinations);
          director.edit({ op: 'deleteDestination', id: of.id, address, port });
        }
        return;
      }
      case 1: return void director.wait(random.below(20_000));
      case 2: return void director.wait(random.below(300));
      case 3: {
        const sysctl = random.pick<[SysctlName, number]>([['expire_nodest_conn', 1], ['expire_nodest_conn', 0], ['expire_quiescent_template', 1], ['drop_packet', 3], ['drop_packet', 0], ['secure_tcp', 3], ['secure_tcp', 0], ['conn_reuse_mode', 0], ['conn_reuse_mode', 1]]);
        return void director.edit({ op: 'sysctl', name: sysctl[0], value: sysctl[1] });
      }
      default: {
        // An existing connection goes on, or ends.
        const some: ConnectionRecord[] = [];
        director.dataplane.connections(random.below(200), 20, some, director.nowMs);
        const connections = some.filter(({ template, protocol, virtual }) => !template && protocol === 6 && virtual === VIP);
        if (connections.length === 0) return;
        const { client, clientPort, virtual, virtualPort } = random.pick(connections);
        director.send(tcpFrame(client, clientPort, virtual, virtualPort, random.pick([ack, fin | ack, rst])));
        this.records.length = 0;
      }
    }
  }

  revive(): void {
    for (const of of this.services) {
      const present = new Set(this.director.dataplane.stats().services.find(({ key }) => key === this.#key(of))!.destinations.map(({ address }) => address));
      for (let n = 1; n <= 5; n++) if (!present.has(server(n, of.id.kind === 'address' && of.id.address === VIP6 ? 6 : 4))) this.addDestination(of, n);
    }
  }

  #key({ id }: VirtualService): string {
    return id.kind === 'fwmark' ? `fwm${id.family} ${id.fwmark}` : `${id.protocol} ${id.address} ${id.port}`;
  }
}

function frameOf({ protocol, client, clientPort, virtual, virtualPort, callId }: FlowQuestion): Buffer {
  if (protocol === 'tcp') return tcpFrame(client, clientPort, virtual, virtualPort, syn);
  if (protocol === 'sctp') return sctpFrame(client, clientPort, virtual, virtualPort, INIT_CHUNK);
  return udpFrame(client, clientPort, virtual, virtualPort, callId === undefined ? 'x' : `OPTIONS sip:x SIP/2.0\r\nCall-ID: ${callId}\r\n\r\n`);
}

const decided = new Map<string, number>();

for (const [n, scheduler] of SCHEDULER_NAMES.entries()) {
  t.test(`${scheduler}: ${FLOWS} flows go where explain says, step by step`, async (t) => {
    const world = new World(scheduler, 100 + n);
    for (let flow = 0; flow < FLOWS; flow++) {
      if (world.random.chance(0.03)) world.disturb();
      if (flow % 500 === 499) world.revive();
      const question = world.question();
      const said = world.director.dataplane.explain(question, world.director.nowMs);
      if (world.random.chance(0.2)) world.director.dataplane.explain(world.question(), world.director.nowMs);
      world.records.length = 0;
      world.director.send(frameOf(question));
      const did = world.records[0]!;
      decided.set(said.decidedBy, (decided.get(said.decidedBy) ?? 0) + 1);
      if (JSON.stringify(said.record) === JSON.stringify(did)) continue;
      t.same(said.record, did, `flow ${flow} ${JSON.stringify(question)}`);
      return;
    }
    t.pass('all alike');
  });
}

t.test('all ways to a decision were met', async (t) => {
  for (const way of ['connection', 'template', 'scheduler', 'nobody']) t.ok((decided.get(way) ?? 0) > 1000, `${way}: ${decided.get(way)}`);
});

function explained(director: TestDirector, question: Partial<FlowQuestion> = {}): Explanation {
  return director.dataplane.explain({ protocol: 'tcp', client: CLIENT, clientPort: 40001, virtual: VIP, virtualPort: 80, ...question }, director.nowMs);
}

function steps({ record }: Explanation): string[] {
  return record.steps.map(({ step, detail }) => `${step}: ${detail}`);
}

t.test('asking changes no counter, no connection and no record of a running trace', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 60 }), destination(server(1), 80), destination(server(2), 80));
  const records: TraceRecord[] = [];
  director.dataplane.trace({}, (record) => records.push(record));
  const before = director.dataplane.stats();
  const answer = explained(director);
  t.match(answer, { service: `tcp ${VIP} 80`, decidedBy: 'scheduler', destination: { address: server(2), port: 80 }, record: { verdict: 'transmit', interface: 'cl0', packet: `TCP ${CLIENT}:40001 > ${VIP}:80` } });
  t.same(director.dataplane.stats(), before);
  t.same(director.connections(), []);
  t.same(records, []);
  t.same(director.take(), []);
  t.same(explained(director), answer);
});

t.test('a connection that exists, a template, a quiesced template, no destination and no service are told apart', async (t) => {
  const director = new TestDirector().serve(tcpService(80, { persistenceSec: 60 }), destination(server(1), 80));
  director.send(tcpFrame(CLIENT, 40001, VIP, 80, syn));
  t.match(explained(director), { decidedBy: 'connection', destination: { address: server(1), port: 80 } });
  const template = explained(director, { clientPort: 40002 });
  t.match(template, { decidedBy: 'template', destination: { address: server(1), port: 80 } });
  t.match(steps(template)[1], /template: follows the persistence template to/);
  director.edit({ op: 'sysctl', name: 'expire_quiescent_template', value: 1 });
  director.edit({ op: 'editDestination', id: tcpService().id, destination: destination(server(1), 80, { weight: 0 }) });
  const nobody = explained(director, { clientPort: 40002 });
  t.match(nobody, { decidedBy: 'nobody', destination: null, service: `tcp ${VIP} 80`, record: { verdict: 'drop', reason: 'noDestination' } });
  t.match(steps(nobody).join('\n'), /gone or quiesced[^]*weight 0[^]*no destination: port unreachable/);
  t.match(explained(director, { virtualPort: 81 }), { decidedBy: 'nobody', service: null, record: { verdict: 'pass' } });
});

t.test('mark rules, a mark given, and cache bypass', async (t) => {
  const director = new TestDirector().serve(service({ kind: 'fwmark', fwmark: 7, family: 4 }), destination(server(1), 0));
  director.edit({ op: 'marks', rules: [{ mark: 9, interface: 'rs0' }, { mark: 7, destination: '198.18.0.0/16', interface: 'cl0' }] });
  const ruled = explained(director, { virtual: '198.18.0.1' });
  t.match(steps(ruled), ['mark: rule 2 gives it firewall mark 7', 'service: virtual service fwm4 7, rr']);
  t.match(ruled.destination, { address: server(1), port: 80 });
  t.match(explained(director, { virtual: '198.18.0.1', interface: 'rs0' }), { service: null });
  t.match(steps(explained(director, { virtual: '198.19.0.1', mark: 7 }))[0], 'mark: firewall mark 7, as asked');
  director.edit({ op: 'editDestination', id: { kind: 'fwmark', fwmark: 7, family: 4 }, destination: destination(server(1), 0, { weight: 0 }) });
  director.edit({ op: 'sysctl', name: 'cache_bypass', value: 1 });
  t.match(explained(director, { virtual: '198.18.0.1' }), { decidedBy: 'bypass', destination: { address: '198.18.0.1', port: 80 } });
});

t.test('the defences and a full table', async (t) => {
  const director = new TestDirector({ maxConnections: 1 }).serve(tcpService(), destination(server(1), 80));
  director.edit({ op: 'sysctl', name: 'secure_tcp', value: 3 });
  t.match(steps(explained(director)).join('\n'), /by the table of secure_tcp/);
  director.edit({ op: 'sysctl', name: 'am_droprate', value: 1 }).edit({ op: 'sysctl', name: 'drop_packet', value: 3 });
  const dropped = explained(director);
  t.match(dropped.record, { verdict: 'drop', reason: 'dropEntryDefence' });
  t.match(steps(dropped).join('\n'), /defence: drop_packet drops one new connection in 1, this one/);
  director.edit({ op: 'sysctl', name: 'drop_packet', value: 0 });
  director.send(tcpFrame(CLIENT, 1, VIP, 80, syn));
  t.match(explained(director), { decidedBy: 'nobody', record: { verdict: 'drop', reason: 'tableFull' } });
});
