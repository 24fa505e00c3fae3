import t, { type Test } from 'tap';
import { endpoint } from '../../lib/lab/demo.ts';
import { reproducibleSha256 } from '../../lib/lab/reproducible-bytes.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { commandPath } from '../../lib/lab/running-lab.ts';
import { ECHO_PORT, type LabMode, type LabTopology } from '../../lib/lab/topology.ts';
import { labCase, onDevices, SKIP } from './lab-case.ts';

const PREFIX = 'tsipvs-tforw';
const UPLOAD_BYTES = 3 << 20;

/** A service and what a client sees of it, beyond what the demonstration shows. */
interface Variant {
  readonly title: string;
  readonly virtual: (t: LabTopology) => string;
  /** Words after -r for each server. */
  readonly real: (t: LabTopology) => readonly string[];
  readonly options?: string;
  readonly kind: 'http' | 'udp' | 'upload';
  readonly family: 4 | 6;
  readonly port?: number;
  readonly answers: Readonly<Record<string, number>>;
}

const EACH = { rs1: 4, rs2: 4, rs3: 4 };
const tcp = (family: 4 | 6, port = 80) => (t: LabTopology): string => `-t ${endpoint(family === 4 ? t.vip4 : t.vip6, port)}`;
const udp = (family: 4 | 6) => (t: LabTopology): string => `-u ${endpoint(family === 4 ? t.vip4 : t.vip6, ECHO_PORT)}`;
const servers = (family: 4 | 6, port: number, method: string) => (t: LabTopology): string[] => t.servers.map((s) => `${endpoint(family === 4 ? s.address4 : s.address6, port)} ${method}`);
const first = (family: 4 | 6, method: string) => (t: LabTopology): string[] => servers(family, 80, method)(t).slice(0, 1);
const own = (family: 4 | 6, method: string) => (t: LabTopology): string[] => [`${endpoint(family === 4 ? t.director4 : t.director6, 80)} ${method}`, servers(family, 80, '-m')(t)[1]!];

const VARIANTS: Readonly<Record<LabMode, readonly Variant[]>> = {
  nat: [
    { title: 'another port at the servers', virtual: tcp(4, 8080), real: servers(4, 80, '-m'), kind: 'http', family: 4, port: 8080, answers: EACH },
    { title: 'another port at the servers, IPv6', virtual: tcp(6, 8080), real: servers(6, 80, '-m'), kind: 'http', family: 6, port: 8080, answers: EACH },
    { title: 'UDP over IPv6', virtual: udp(6), real: servers(6, ECHO_PORT, '-m'), kind: 'udp', family: 6, answers: EACH },
    { title: 'persistence', virtual: tcp(4), real: servers(4, 80, '-m'), options: '-p 60', kind: 'http', family: 4, answers: { rs3: 12 } },
    { title: 'a large upload', virtual: tcp(4), real: first(4, '-m'), kind: 'upload', family: 4, answers: { rs1: 1 } },
    { title: 'a large upload over IPv6', virtual: tcp(6), real: first(6, '-m'), kind: 'upload', family: 6, answers: { rs1: 1 } },
  ],
  dr: [
    { title: 'UDP over IPv6', virtual: udp(6), real: servers(6, ECHO_PORT, '-g'), kind: 'udp', family: 6, answers: EACH },
    { title: 'a large upload', virtual: tcp(4), real: first(4, '-g'), kind: 'upload', family: 4, answers: { rs1: 1 } },
  ],
  tun: [
    { title: 'UDP', virtual: udp(4), real: servers(4, ECHO_PORT, '-i'), kind: 'udp', family: 4, answers: EACH },
    { title: 'UDP over IPv6', virtual: udp(6), real: servers(6, ECHO_PORT, '-i'), kind: 'udp', family: 6, answers: EACH },
    { title: 'GUE with checksum', virtual: tcp(4), real: servers(4, 80, '-i --tun-type gue --tun-port 6080 --tun-csum'), kind: 'http', family: 4, answers: EACH },
    { title: 'GUE with remote checksum offload', virtual: tcp(4), real: servers(4, 80, '-i --tun-type gue --tun-port 6080 --tun-remcsum'), kind: 'http', family: 4, answers: EACH },
    { title: 'GUE with remote checksum offload over IPv6', virtual: tcp(6), real: servers(6, 80, '-i --tun-type gue --tun-port 6080 --tun-remcsum'), kind: 'http', family: 6, answers: EACH },
    { title: 'GRE with checksum', virtual: tcp(6), real: servers(6, 80, '-i --tun-type gre --tun-csum'), kind: 'http', family: 6, answers: EACH },
    { title: 'IPv6 service, IPv4 tunnel', virtual: tcp(6), real: servers(4, 80, '-i'), kind: 'http', family: 6, answers: EACH },
    { title: 'IPv4 service, IPv6 tunnel', virtual: tcp(4), real: servers(6, 80, '-i'), kind: 'http', family: 4, answers: EACH },
    { title: 'a large upload, which the tunnel makes too large for the network', virtual: tcp(4), real: first(4, '-i'), kind: 'upload', family: 4, answers: { rs1: 1 } },
    { title: 'the same over IPv6', virtual: tcp(6), real: first(6, '-i'), kind: 'upload', family: 6, answers: { rs1: 1 } },
    { title: 'the same in GUE', virtual: tcp(4), real: first(4, '-i --tun-type gue --tun-port 6080'), kind: 'upload', family: 4, answers: { rs1: 1 } },
    { title: 'the same in GRE with checksum', virtual: tcp(4), real: first(4, '-i --tun-type gre --tun-csum'), kind: 'upload', family: 4, answers: { rs1: 1 } },
  ],
  local: [
    { title: 'local node by NAT', virtual: tcp(4), real: own(4, '-m'), kind: 'http', family: 4, answers: { director: 6, rs2: 6 } },
    { title: 'local node by NAT, IPv6', virtual: tcp(6), real: own(6, '-m'), kind: 'http', family: 6, answers: { director: 6, rs2: 6 } },
    { title: 'local node by NAT, another port', virtual: tcp(4, 8080), real: own(4, '-m'), kind: 'http', family: 4, port: 8080, answers: { director: 6, rs2: 6 } },
    { title: 'local node by tunnel', virtual: tcp(4), real: own(4, '-i'), kind: 'http', family: 4, answers: { director: 6, rs2: 6 } },
    { title: 'a large upload to the local node by NAT', virtual: tcp(4), real: (t) => own(4, '-m')(t).slice(0, 1), kind: 'upload', family: 4, answers: { director: 1 } },
  ],
};

for (const [mode, device] of onDevices(['nat', 'dr', 'tun', 'local'] as const, (one) => one === 'nat')) {
  t.test(`${mode} with ${device}: ${VARIANTS[mode].length} kinds of service beyond the demonstration's`, { skip: SKIP, timeout: 120_000 }, async (t) => {
    await labCase(t, { mode, device, prefix: PREFIX }, async (lab) => {
      await lab.startDaemon();
      for (const variant of VARIANTS[mode]) await tryVariant(t, lab, variant);
      if (mode === 'nat') await tryMarks(t, lab);
    });
  });
}

async function tryVariant(t: Test, lab: RunningLab, variant: Variant): Promise<void> {
  const { topology } = lab;
  const virtual = variant.virtual(topology);
  const rules = ['-C', `-A ${virtual} -s rr ${variant.options ?? ''}`, ...variant.real(topology).map((words) => `-a ${virtual} -r ${words}`)];
  await lab.command(['-R'], { input: `${rules.join('\n')}\n` });
  const port = variant.port ?? (variant.kind === 'udp' ? ECHO_PORT : 80);
  const count = variant.kind === 'upload' ? UPLOAD_BYTES : 12;
  const { answers, failures, sha256 } = await lab.send({ kind: variant.kind, address: variant.family === 4 ? topology.vip4 : topology.vip6, port, count, timeoutMs: 8_000 });
  t.same({ answers, failures }, { answers: variant.answers, failures: {} }, variant.title);
  if (variant.kind === 'upload') t.equal(sha256, reproducibleSha256(UPLOAD_BYTES), 'everything arrived');
}

/** A firewall-mark service over two ports at once. */
async function tryMarks(t: Test, lab: RunningLab): Promise<void> {
  const { topology } = lab;
  await lab.run('director', [process.execPath, commandPath('tsipvs'), 'mark', 'add', '-d', topology.vip4, '-p', 'tcp', '--dport', '80:81', '--set-mark', '7']);
  await lab.command(['-R'], { input: `-A -f 7 -s rr\n${topology.servers.map((s) => `-a -f 7 -r ${s.address4}:80 -m\n`).join('')}` });
  for (const port of [80, 81]) {
    const { answers, failures } = await lab.send({ kind: 'http', address: topology.vip4, port, count: 12 });
    t.same({ answers, failures }, { answers: EACH, failures: {} }, `firewall mark, port ${port}`);
  }
}
