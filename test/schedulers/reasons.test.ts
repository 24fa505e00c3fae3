/** What schedulers say of their picks, for trace and explain: enough to see why that destination won, from each way a pick can come about. */
import t from 'tap';
import { FakeService, packetFrom, type FakeDestination } from './fake-service.ts';

interface Situation {
  readonly scheduler: string;
  readonly schedFlags?: number;
  readonly prepare?: (rs1: FakeDestination, rs2: FakeDestination, service: FakeService) => void;
  readonly lines: readonly string[];
}

const RS1 = '10.1.0.1:80', RS2 = '10.1.0.2:80';
/** rs1 weight 1, then rs2 weight 3 at the head of the list. */
const SITUATIONS: Readonly<Record<string, Situation>> = {
  'rr from the head': { scheduler: 'rr', lines: [`${RS2} is next in turn, from the head of the list`] },
  'rr from its cursor': { scheduler: 'rr', prepare: (_1, _2, service) => void service.pick(), lines: [`${RS1} is next in turn, after ${RS2}`] },
  'rr past one that is overloaded': { scheduler: 'rr', prepare: (_1, rs2, service) => void (rs2.overloaded = true), lines: [`${RS2} passed over: overloaded`, `${RS1} is next in turn, from the head of the list`] },
  'wrr at its current weight': { scheduler: 'wrr', lines: [`${RS2} weight 3 reaches the current weight 1`] },
  'lc by load': { scheduler: 'lc', prepare: (rs1, _2, service) => setLoad(rs1, 1, 2), lines: [`${RS2} load 0`, `${RS1} load 259`, `${RS2} has the least load: 0`] },
  'wlc by load per weight': { scheduler: 'wlc', prepare: (rs1, rs2, service) => { setLoad(rs1, 0, 1); setLoad(rs2, 0, 2); }, lines: [`${RS2} load 2 weight 3`, `${RS1} load 1 weight 1`, `${RS2} has the least load per weight: 2/3`] },
  'sed by expected delay': { scheduler: 'sed', prepare: (_1, rs2, service) => setLoad(rs2, 3, 0), lines: [`${RS2} load 4 weight 3`, `${RS1} load 1 weight 1`, `${RS1} has the least load per weight: 1/1`] },
  'nq to an idle one': { scheduler: 'nq', prepare: (_1, rs2, service) => setLoad(rs2, 1, 0), lines: [`${RS1} is the first idle one`] },
  'nq without an idle one': { scheduler: 'nq', prepare: (rs1, rs2, service) => { setLoad(rs1, 5, 0); setLoad(rs2, 1, 0); }, lines: ['nobody is idle', `${RS2} load 2 weight 3`, `${RS1} load 6 weight 1`, `${RS2} has the least load per weight: 2/3`] },
  'lblc the first time': { scheduler: 'lblc', lines: ['nothing is remembered for this destination address', `${RS2} load 0 weight 3`, `${RS1} load 0 weight 1`, `${RS2} has the least load per weight: 0/3`] },
  'lblc the second time': { scheduler: 'lblc', prepare: (_1, _2, service) => void service.pick(), lines: [`${RS2} is remembered for this destination address`] },
  'lblcr the second time': { scheduler: 'lblcr', prepare: (_1, _2, service) => void service.pick(), lines: [`remembered for this destination address: ${RS2}`, `${RS2} load 257 weight 3`, `${RS2} has the least load per weight: 257/3`] },
  'dh by slot': { scheduler: 'dh', lines: [`slot 162 of 256 belongs to ${RS2}`] },
  'dh where the slot refuses': { scheduler: 'dh', prepare: (_1, rs2, service) => service.edit(rs2, 0), lines: [`slot 162 of 256 belongs to ${RS2} weight 0`, 'nobody else is asked'] },
  'sh by slot': { scheduler: 'sh', lines: [`slot 50 of 256 belongs to ${RS2}`] },
  'sh without fallback': { scheduler: 'sh', prepare: (_1, rs2, service) => void (rs2.overloaded = true), lines: [`slot 50 of 256 belongs to ${RS2} overloaded`, 'without sh-fallback nobody else is asked'] },
  'sh with fallback': { scheduler: 'sh', schedFlags: 1, prepare: (_1, rs2, service) => void (rs2.overloaded = true), lines: [`slot 50 of 256 belongs to ${RS2} overloaded`, `slot 103 of 256 belongs to ${RS1}`] },
  'mh by slot': { scheduler: 'mh', lines: [`slot 1505 of 4093 belongs to ${RS2}`] },
  'mh without fallback': { scheduler: 'mh', prepare: (_1, rs2, service) => service.edit(rs2, 0), lines: [`slot 1505 of 4093 belongs to ${RS2} weight 0`, 'without mh-fallback nobody else is asked'] },
  'fo by weight': { scheduler: 'fo', lines: [`${RS2} weight 3`, `${RS1} weight 1`, `${RS2} has the greatest weight: 3`] },
  'ovf past one that is full': { scheduler: 'ovf', prepare: (_1, rs2, service) => setLoad(rs2, 4, 0), lines: [`${RS2} passed over: 4 active connections overflow its weight 3`, `${RS1} weight 1 active 0`, `${RS1} has the greatest weight that is not full: 1`] },
  'twos by its draws': { scheduler: 'twos', prepare: (_1, rs2, service) => setLoad(rs2, 4, 0), lines: [`drew ${RS2} load 1028 weight 3, and ${RS1} load 0 weight 1`, `${RS1} has the lesser load per weight`] },
};

for (const [title, { scheduler, schedFlags = 0, prepare, lines }] of Object.entries(SITUATIONS)) {
  t.test(title, async (t) => {
    const service = new FakeService(scheduler, { schedFlags, tracing: true });
    const draws = [0.1, 0.99];
    service.random = () => draws.shift()!;
    const rs1 = service.add(1, 1);
    const rs2 = service.add(2, 3);
    prepare?.(rs1, rs2, service);
    service.lines.length = 0;
    service.scheduler.schedule(service, packetFrom(1));
    t.same(service.lines, lines);
  });
}

function setLoad(destination: FakeDestination, active: number, inactive: number): void {
  destination.activeConns = active;
  destination.inactiveConns = inactive;
}
