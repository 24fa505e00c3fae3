import t from 'tap';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, labDirectory, readLabState } from '../../lib/lab/lab-state.ts';
import { listNamespaces } from '../../lib/lab/namespaces.ts';
import { isLabPresent, removeLab, RunningLab } from '../../lib/lab/running-lab.ts';
import { LAB_MODES } from '../../lib/lab/topology.ts';
import { freePrefix, SKIP } from './lab-case.ts';

const PREFIX = freePrefix('tsipvs-tlab');

function traces(): string[] {
  return [...listNamespaces().filter((n) => n.startsWith(`${PREFIX}-`)), ...(existsSync('/run/tsipvs/lab') ? readdirSync('/run/tsipvs/lab').filter((n) => n === PREFIX) : [])];
}

t.test('every server of every mode serves, and taking the laboratory down leaves nothing', { skip: SKIP, timeout: 60_000 }, async (t) => {
  await removeLab(PREFIX);
  t.teardown(() => removeLab(PREFIX));
  for (const mode of LAB_MODES) {
    const lab = await RunningLab.start({ mode, prefix: PREFIX });
    for (const server of lab.topology.servers) {
      for (const address of [server.address4, `[${server.address6}]`]) {
        const { stdout } = await lab.run('director', ['curl', '-sgm5', `http://${address}/`]);
        t.match(stdout, new RegExp(`^${server.name}: you are `), `${mode} ${address}`);
      }
    }
    const processes = readLabState(PREFIX)!.processes;
    t.ok(processes.length >= 3 && processes.every(isAlive));
    await lab.stop();
    t.notOk(processes.some(isAlive), 'no process is left');
    t.same(traces(), []);
  }
});

t.test('nobody answers ARP for the VIP but the director', { skip: SKIP, timeout: 60_000 }, async (t) => {
  await removeLab(PREFIX);
  t.teardown(() => removeLab(PREFIX));
  const lab = await RunningLab.start({ mode: 'dr', prefix: PREFIX });
  for (const vip of [lab.topology.vip4, lab.topology.vip6]) {
    for (let round = 0; round < 5; round++) {
      await lab.run('client', ['ip', 'neigh', 'flush', 'all']);
      await lab.run('client', ['sh', '-c', `curl -sgm1 'http://${vip.includes(':') ? `[${vip}]` : vip}/' || true`]);
      t.match((await lab.run('client', ['ip', 'neigh', 'show', vip])).stdout, lab.topology.director.interfaces[0]!.mac);
    }
  }
});

t.test('a second laboratory of the same name is refused and the first one stays', { skip: SKIP, timeout: 60_000 }, async (t) => {
  await removeLab(PREFIX);
  t.teardown(() => removeLab(PREFIX));
  const lab = await RunningLab.start({ mode: 'nat', servers: 1, prefix: PREFIX });
  await t.rejects(RunningLab.start({ mode: 'nat', prefix: PREFIX }), /up already/);
  t.equal((await lab.run('director', ['curl', '-sm5', `http://${lab.topology.servers[0]!.address4}/`])).status, 0);
  for (const servers of [0, 17, 1.5]) await t.rejects(RunningLab.start({ mode: 'nat', servers, prefix: `${PREFIX}2` }), /--servers must be 1 to 16/);
});

t.test('what a crash leaves behind is cleaned, also without the state file', { skip: SKIP, timeout: 60_000 }, async (t) => {
  t.teardown(() => removeLab(PREFIX));
  await RunningLab.start({ mode: 'tun', servers: 2, prefix: PREFIX });
  const processes = readLabState(PREFIX)!.processes;
  rmSync(join(labDirectory(PREFIX), 'state.json'));
  t.ok(isLabPresent(PREFIX));
  await removeLab(PREFIX);
  t.notOk(isLabPresent(PREFIX));
  t.notOk(processes.some(isAlive));
  t.same(traces(), []);
  t.same(await removeLab(PREFIX), [], 'a second time there is nothing to remove');
});
