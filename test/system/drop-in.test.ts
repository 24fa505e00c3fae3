import t from 'tap';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../lib/lab/run-command.ts';
import { commandPath, type RunningLab } from '../../lib/lab/running-lab.ts';
import { labCase, onDevices, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tdropin';

/** A script as anyone has it, which knows nothing of us. */
const SCRIPT = `#!/bin/sh
set -e
VIP=$1; METHOD=$2; shift 2
ipvsadm --clear
ipvsadm --add-service --tcp-service $VIP:80 --scheduler wrr
for RIP in "$@"; do
  ipvsadm --add-server --tcp-service $VIP:80 --real-server $RIP:80 $METHOD --weight 1
done
ipvsadm -S -n > "$TMP_RULES"
ipvsadm -C
ipvsadm -R < "$TMP_RULES"
ipvsadm -L -n
`;

/** ipvsadm(8), section EXAMPLES and the examples in its text: [command line, standard input]. */
const MANUAL: readonly (readonly [string, string?])[] = [
  ['ipvsadm -A -t 207.175.44.110:80 -s rr'],
  ...[1, 2, 3, 4, 5].map((n) => [`ipvsadm -a -t 207.175.44.110:80 -r 192.168.10.${n}:80 -m`] as const),
  ['ipvsadm -C'],
  ['ipvsadm -R', `\n-A -t 207.175.44.110:80 -s rr\n${[1, 2, 3, 4, 5].map((n) => `-a -t 207.175.44.110:80 -r 192.168.10.${n}:80 -m\n`).join('')}\n`],
  ['ipvsadm -A -f 1 -s rr'],
  ...[1, 2, 3, 4, 5].map((n) => [`ipvsadm -a -f 1 -r 192.168.10.${n}:0 -m`] as const),
  ['ipvsadm -A -t [2001:db8::80]:80 -s rr'],
  ['ipvsadm -a -t [2001:db8::80]:80 -r [2001:db8::a0a0]:80 -m'],
  ['ipvsadm -A -f 2 -6'],
  ['ipvsadm -a -f 2 -6 -r [2001:db8::a0a0]:0 -g'],
  ['ipvsadm -A -t 10.0.0.1:80 -s rr'],
  ['ipvsadm -a -t 10.0.0.1:80 -r 192.168.11.1:80 -i --tun-type gue --tun-port 6078'],
  ['ipvsadm -a -t 10.0.0.1:80 -r 192.168.11.2:80 -g -w 50'],
  ['ipvsadm -Ln'],
  ['ipvsadm -S -n'],
];

for (const [[mode, method], device] of onDevices([['nat', '-m'], ['dr', '-g'], ['tun', '-i']] as const, () => false)) {
  t.test(`a script that knows nothing of us sets up ${mode} with ${device} through a link named ipvsadm`, { skip: SKIP, timeout: 120_000 }, async (t) => {
    await labCase(t, { mode, device, prefix: PREFIX }, async (lab) => {
      const { directory, environment } = linkedDirectory(lab);
      t.teardown(() => rmSync(directory, { recursive: true, force: true }));
      await lab.startDaemon();
      const { vip4, servers } = lab.topology;
      await runCommand(['sh', join(directory, 'script.sh'), vip4, method, ...servers.map((s) => s.address4)], { env: environment });
      const { answers, failures } = await lab.send({ kind: 'http', address: vip4, port: 80, count: 30 });
      t.same({ answers, failures }, { answers: { rs1: 10, rs2: 10, rs3: 10 }, failures: {} }, `${mode} with ${device}`);
    });
  });
}

t.test('every example of the manual page works', { skip: SKIP, timeout: 120_000 }, async (t) => {
  await labCase(t, { mode: 'nat', servers: 1, prefix: PREFIX }, async (lab) => {
    const { directory, environment } = linkedDirectory(lab);
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    await lab.startDaemon();
    for (const [line, input] of MANUAL) {
      const { status, stderr } = await runCommand(line.split(' '), { env: environment, mayFail: true, ...(input === undefined ? {} : { input }) });
      t.same([status, stderr], [0, ''], line);
    }
    const { stdout } = await runCommand(['ipvsadm', '-Ln'], { env: environment });
    t.equal(stdout.split('\n').filter((l) => l.startsWith('  -> ') && !l.includes('RemoteAddress')).length, 14);
    t.match(stdout, /^FWM {2}2 IPv6 wlc\n {2}-> \[2001:db8::a0a0\]:0 /m);
  });
});

/** A directory with the link and the script, and an environment whose PATH begins with it. */
function linkedDirectory(lab: RunningLab): { directory: string; environment: NodeJS.ProcessEnv } {
  const directory = mkdtempSync(join(tmpdir(), 'tsipvs-dropin-'));
  symlinkSync(commandPath('tsipvsadm'), join(directory, 'ipvsadm'));
  writeFileSync(join(directory, 'script.sh'), SCRIPT);
  return { directory, environment: { ...lab.environment, PATH: `${directory}:${process.env['PATH'] ?? ''}`, TMP_RULES: join(directory, 'rules') } };
}
