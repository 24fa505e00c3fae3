import t from 'tap';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpoint } from '../../lib/lab/demo.ts';
import { labDirectory } from '../../lib/lab/lab-state.ts';
import { ECHO_PORT } from '../../lib/lab/topology.ts';
import { FULL, labCase, onDevices, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tload';

for (const [mode, device] of onDevices(['nat', 'dr', 'tun'] as const, (one) => one === 'nat')) {
  t.test(`${mode} with ${device}: a server dies, others are removed, added again and re-weighted under load, and their established connections lose nothing`, { skip: SKIP, timeout: 120_000 }, async (t) => {
    await labCase(t, { mode, device, prefix: PREFIX }, async (lab) => {
      const { vip4, servers } = lab.topology;
      const virtual = ['-t', endpoint(vip4, ECHO_PORT)], method = { nat: '-m', dr: '-g', tun: '-i' }[mode];
      const real = (n: number): string[] => ['-r', endpoint(servers[n]!.address4, ECHO_PORT)];
      await lab.startDaemon();
      await lab.command(['-A', ...virtual, '-s', 'rr']);
      for (const n of [0, 1, 2]) await lab.command(['-a', ...virtual, ...real(n), method]);

      const durationMs = FULL ? 20_000 : 4_000;
      const readyFile = join(labDirectory(lab.topology.prefix), 'load-ready');
      const load = lab.send({ kind: 'echo', address: vip4, port: ECHO_PORT, count: 30, durationMs, intervalMs: 20, readyFile });
      for (let waits = 0; !existsSync(readyFile) && waits < 500; waits++) await sleep(20);
      const started = Date.now();
      await lab.run('rs3', ['ip', 'link', 'set', 'eth0', 'down']);
      do {
        await lab.command(['-d', ...virtual, ...real(2)], { mayFail: true });
        await lab.command(['-e', ...virtual, ...real(0), method, '-w', '5']);
        await lab.command(['-d', ...virtual, ...real(1)]);
        await lab.command(['-a', ...virtual, ...real(1), method, '-w', '0']);
        await lab.command(['-e', ...virtual, ...real(1), method, '-w', '1']);
      } while (Date.now() - started < durationMs - 1_000);
      const { answers, brokenByServer } = await load;
      t.same(answers, { rs1: 10, rs2: 10, rs3: 10 }, 'the connections were spread');
      t.same(brokenByServer, { rs3: 10 }, 'only those of the dead server broke');
      const { answers: after, failures } = await lab.send({ kind: 'echo', address: vip4, port: ECHO_PORT, count: 12, durationMs: 300 });
      t.same(failures, {}, 'new connections find the servers that are left');
      t.same(Object.keys(after).sort(), ['rs1', 'rs2']);
    });
  });
}
