import t from 'tap';
import { SCHEDULERS } from '../../lib/schedulers/index.ts';
import { NO_SCHEDULER, SCHEDULER_NAMES, isSchedulerName, schedulerFlagNames } from '../../lib/schedulers/names.ts';
import { FakeService } from './fake-service.ts';
import { schedulerCases } from './scheduler-cases.ts';

const ALWAYS_THE_GREATEST_WEIGHT = 'this scheduler sends everything to one destination while that one can take it';

t.test('the registry holds exactly the schedulers that have a name', async (t) => {
  t.same(Object.keys(SCHEDULERS).sort(), [...SCHEDULER_NAMES, NO_SCHEDULER].sort());
  t.ok(isSchedulerName('wlc'));
  t.ok(isSchedulerName('none'));
  t.notOk(isSchedulerName('toString'));
});

t.test('only sh and mh name their flags', async (t) => {
  t.same(SCHEDULER_NAMES.filter((name) => schedulerFlagNames(name).length > 0), ['sh', 'mh']);
  t.same(schedulerFlagNames('sh'), [{ name: 'sh-fallback', bit: 1 }, { name: 'sh-port', bit: 2 }]);
  t.same(schedulerFlagNames('constructor'), []);
});

t.test('none picks nothing, ever', async (t) => {
  const service = new FakeService(NO_SCHEDULER);
  service.add(1, 10);
  t.equal(service.pick(), null);
});

for (const name of SCHEDULER_NAMES) {
  schedulerCases(t, name, name === 'fo' ? { 'many clients and addresses reach every destination': ALWAYS_THE_GREATEST_WEIGHT } : {});
}
