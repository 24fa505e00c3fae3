import t from 'tap';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace, runCommand } from '../../lib/lab/run-command.ts';
import { startProcess } from '../../lib/lab/lab-process.ts';
import { commandPath, type RunningLab } from '../../lib/lab/running-lab.ts';
import type { LabProcess } from '../../lib/lab/lab-state.ts';
import { labCase, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';

const PREFIX = 'tsipvs-trepl';
const REQUESTS = 24;

for (const mode of ['nat', 'dr', 'tun'] as const) {
  t.test(`${mode}: a capture of live traffic replays to the same bytes twice, and to the picks of the live run`, { skip: SKIP, timeout: 90_000 }, async (t) => {
    if ((await runCommand(['tcpdump', '--version'], { mayFail: true }).catch(() => null)) === null) {
      t.comment('skipped: needs tcpdump');
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), 'tsipvs-replay-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    await labCase(t, { mode, prefix: PREFIX }, async (lab) => {
      await lab.startDaemon();
      const services = await setUpServices(lab);
      writeFileSync(join(directory, 'rules'), (await lab.command(['-S', '-n'])).stdout);
      const captures = await Promise.all(lab.topology.director.interfaces.map((i) => capture(lab, i.name, directory)));
      for (const service of services) await lab.send({ kind: 'http', address: service.address, port: service.port, count: REQUESTS });
      await sleep(500);
      const live = livePicks((await lab.command(['-Lnc'])).stdout);
      for (const process of captures) await lab.stopProcess(process);

      t.equal(live.length, REQUESTS * services.length);
      const interfaces = lab.topology.director.interfaces.map((i) => i.name);
      const runs = await Promise.all([1, 2].map((n) => replay(interfaces, directory, String(n))));
      t.same(replayedPicks(runs[0]!), live, 'the picks of the live run');
      t.same(runs[1], runs[0], 'the same report');
      for (const name of interfaces) {
        const [one, two] = [1, 2].map((n) => readFileSync(join(directory, `${name}-out${n}.pcap`)));
        t.ok(one!.length > 24 && one!.equals(two!), `the same bytes out of ${name}`);
      }
    });
  });
}

function capture(lab: RunningLab, interfaceName: string, directory: string): Promise<LabProcess> {
  // -B, KiB: whole frames take 256 KiB each of the capture's ring, and nothing may be lost.
  const argv = ['tcpdump', '--immediate-mode', '-U', '-B', '65536', '-s', '0', '-Z', 'root', '-i', interfaceName, '-w', join(directory, `${interfaceName}.pcap`)];
  return startProcess({ what: `tcpdump-${interfaceName}`, log: join(directory, `${interfaceName}.log`), namespace: lab.topology.director.namespace, argv, readyPattern: /listening on/ });
}

async function replay(interfaces: readonly string[], directory: string, run: string): Promise<{ picks: { packet: string; destination: string | null }[] }> {
  const files = interfaces.flatMap((name) => ['--in', `${name}=${join(directory, `${name}.pcap`)}`, '--out', `${name}=${join(directory, `${name}-out${run}.pcap`)}`]);
  const [program, ...args] = inNamespace(null, [process.execPath, commandPath('tsipvs'), 'replay', '--rules', join(directory, 'rules'), ...files, '--json']);
  const { stdout } = await runCommand([program!, ...args]);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as { picks: { packet: string; destination: string | null }[] };
}

/** "198.51.100.10:1100 10.1.0.3:80", sorted, of `-Lnc` rows. */
function livePicks(table: string): string[] {
  return table.split('\n').filter((l) => /^TCP /.test(l)).map((l) => {
    const [, , , client, , destination] = l.trim().split(/\s+/);
    return `${client} ${destination}`;
  }).sort();
}

/** The same of a replay's report. */
function replayedPicks(report: { picks: { packet: string; destination: string | null }[] }): string[] {
  return report.picks.map(({ packet, destination }) => `${packet.split(' ')[1]} ${destination}`).sort();
}
