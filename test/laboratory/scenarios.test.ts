/** The ready scenarios: each runs, and says the same again to the byte. */
import t from 'tap';
import { readScenario } from '../../lib/laboratory/read-scenario.ts';
import type { LaboratoryResult } from '../../lib/laboratory/result.ts';
import { runScenario } from '../../lib/laboratory/run-scenario.ts';
import { READY_SCENARIOS } from '../../lib/laboratory/scenarios/index.ts';
import { schedulerChoices } from '../../lib/laboratory/scheduler-choice.ts';

const CONNECTIONS = 300;
const scenarios = Object.entries(READY_SCENARIOS).map(([name, text]) => ({ name, scenario: readScenario(name, text) }));

t.test('there are twelve, and each file calls itself by its name', async (t) => {
  t.equal(scenarios.length, 12);
  t.same(scenarios.map(({ scenario }) => scenario.name), scenarios.map(({ name }) => name));
});

for (const { name, scenario } of scenarios) {
  t.test(`${name} answers its question, and again the same to the byte`, async (t) => {
    t.ok(scenario.contrast.every((scheduler) => scenario.schedulers.includes(scheduler)), 'what its finding contrasts is run');
    const once = (): string => JSON.stringify(runScenario({ scenario, schedulers: schedulerChoices(scenario.contrast), seed: 5, connections: CONNECTIONS, command: 'c', cost: null }));
    const text = once();
    t.equal(once(), text);
    const { runs, ranking, finding } = JSON.parse(text) as LaboratoryResult;
    t.ok(scenario.question.endsWith('?') && finding.endsWith('.'));
    t.equal(ranking.rows.length, runs.length);
    for (const run of runs) t.equal(run.connections, CONNECTIONS, run.scheduler);
  });
}
