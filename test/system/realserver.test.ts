import t from 'tap';
import { existsSync } from 'node:fs';
import { runCommand } from '../../lib/lab/run-command.ts';
import { processStartTicks, writeLabState } from '../../lib/lab/lab-state.ts';
import { writeSysctls } from '../../lib/lab/namespaces.ts';
import { checkRealServer, setupRealServer, undoRealServer } from '../../lib/lab/realserver/realserver.ts';
import type { RealServerOptions } from '../../lib/lab/realserver/options.ts';
import { savedChangesFile } from '../../lib/lab/realserver/saved-changes.ts';
import { removeLab } from '../../lib/lab/running-lab.ts';
import { freePrefix, SKIP } from './lab-case.ts';

const PREFIX = freePrefix('tsipvs-treal'), NAMESPACE = `${PREFIX}-rs1`, PEER = `${PREFIX}-client`;
const VIP = '192.0.2.10', VIP6 = '2001:db8::10';

/** A machine with one interface, a default route, and sysctls that are nobody's defaults. */
async function machine(): Promise<void> {
  await removeLab(PREFIX);
  const owner = { what: 'test', pid: process.pid, startTicks: processStartTicks(process.pid) ?? '' };
  writeLabState({ options: { mode: 'nat', prefix: PREFIX }, owner, namespaces: [NAMESPACE, PEER], processes: [] });
  for (const namespace of [NAMESPACE, PEER]) await runCommand(['ip', 'netns', 'add', namespace]);
  const ip = (...argv: string[]): Promise<unknown> => runCommand(['ip', '-n', NAMESPACE, ...argv]);
  await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', PEER);
  await ip('link', 'set', 'lo', 'up');
  await ip('link', 'set', 'eth0', 'up');
  await runCommand(['ip', '-n', PEER, 'link', 'set', 'eth0', 'up']);
  await ip('addr', 'add', '10.1.0.1/24', 'dev', 'eth0');
  await ip('route', 'add', 'default', 'via', '10.1.0.1', 'dev', 'eth0', 'proto', 'static', 'metric', '7');
  await writeSysctls(NAMESPACE, [['net/ipv4/conf/all/arp_announce', '1'], ['net/ipv4/conf/all/rp_filter', '1'], ['net/ipv4/conf/default/rp_filter', '1']]);
}

/** Everything that set-up may touch, as text. */
async function snapshot(): Promise<string> {
  const parts = await Promise.all([
    runCommand(['ip', 'addr', 'show', 'dev', 'lo'], { namespace: NAMESPACE }), runCommand(['ip', 'route'], { namespace: NAMESPACE }),
    runCommand(['ip', '-o', 'link'], { namespace: NAMESPACE }),
    runCommand(['sh', '-c', 'grep -rH "" /proc/sys/net/ipv4/conf/ | sort'], { namespace: NAMESPACE }),
  ]);
  return parts.map((p) => p.stdout).join('\n');
}

const SETUPS: readonly RealServerOptions[] = [
  { mode: 'dr', vips: [VIP, VIP6], namespace: NAMESPACE },
  { mode: 'tun', vips: [VIP, VIP6], tunnel: 'any', namespace: NAMESPACE },
  { mode: 'tun', vips: [VIP], tunnel: 'gue', namespace: NAMESPACE },
  { mode: 'nat', vips: [VIP], directors: ['10.1.0.254'], namespace: NAMESPACE },
];

t.test('set-up mends every mistake of its mode, twice is once, and undo restores exactly what was', { skip: SKIP, timeout: 60_000 }, async (t) => {
  t.teardown(() => removeLab(PREFIX));
  for (const options of SETUPS) {
    const title = `${options.mode} ${options.tunnel ?? ''}`;
    await machine();
    const before = await snapshot();
    t.ok((await checkRealServer(options)).some((f) => f.severity === 'wrong'), `${title}: something is wrong before`);
    t.ok((await setupRealServer(options)).length > 0, `${title}: set-up says what it did`);
    t.same((await checkRealServer(options)).filter((f) => f.severity === 'wrong'), [], `${title}: nothing is wrong after`);
    t.same(await setupRealServer(options), [], `${title}: the second time there is nothing to do`);
    t.not(await snapshot(), before);
    await undoRealServer(options);
    t.equal(await snapshot(), before, `${title}: as before`);
    t.notOk(existsSync(savedChangesFile(NAMESPACE)), 'nothing is left to undo');
  }
});

t.test('two VIPs share their sysctls until the last is undone', { skip: SKIP, timeout: 60_000 }, async (t) => {
  t.teardown(() => removeLab(PREFIX));
  await machine();
  const before = await snapshot();
  const one: RealServerOptions = { mode: 'dr', vips: [VIP], namespace: NAMESPACE }, two: RealServerOptions = { ...one, vips: ['192.0.2.11'] };
  await setupRealServer(one);
  await setupRealServer(two);
  await undoRealServer(one);
  t.same((await checkRealServer(two)).filter((f) => f.severity === 'wrong'), []);
  await undoRealServer({ ...two, vips: [] });
  t.equal(await snapshot(), before);
});
