/** Every real configuration file, run: at the start the table holds what its reader says the original installs, and reading it again changes nothing. */
import t from 'tap';
import { memoryHost } from '../../lib/config/config-host.ts';
import { readConfiguration } from '../../lib/config/read-configuration.ts';
import { formatRules } from '../../lib/config/rules.ts';
import { desiredTable } from '../../lib/control/desired-table.ts';
import { PASSED } from '../../lib/health/checker.ts';
import { recordedFiles, type Program } from '../config/recorded.ts';
import { HealthWorld, sortedRules } from './health-world.ts';

for (const program of ['keepalived', 'ldirectord', 'piranha', 'haproxy'] satisfies Program[]) {
  const files = recordedFiles(program);
  t.test(`${program}: ${Object.keys(files).length} files`, async (t) => {
    for (const [name, text] of Object.entries(files)) {
      const read = await readConfiguration([name], memoryHost({ [name]: text }), { from: program, wildcardAddress: '192.0.2.10' });
      // Without a network there is no interface for a synchronisation daemon.
      const configuration = { ...read, globals: { ...read.globals, syncDaemon: null } };
      const world = new HealthWorld(() => PASSED);
      await world.health.use(configuration, name);
      const start = sortedRules(formatRules(desiredTable(configuration, 'start')));
      t.equal(world.rules, start, name);
      await world.health.use(configuration, name);
      t.equal(world.rules, start, `${name} read again`);
      t.same(world.problems, [], name);
      world.health.close();
    }
  });
}
