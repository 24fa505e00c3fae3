/** The director with two data-plane workers, on real interfaces: what it does alone, it does with a forwarder beside it. */
import t from 'tap';
import { endpoint } from '../../lib/lab/demo.ts';
import { reproducibleSha256 } from '../../lib/lab/reproducible-bytes.ts';
import { ECHO_PORT } from '../../lib/lab/topology.ts';
import { hostCounters } from './host-counters.ts';
import { FULL, labCase, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';

const PREFIX = 'tsipvs-twork';
const TWO = { args: ['--workers', '2'] };
const MEBIBYTE = 1 << 20;

for (const [mode, method] of [['nat', '-m'], ['dr', '-g'], ['tun', '-i']] as const) {
  t.test(`two workers, ${mode}: connections are shared out as by one, and a download arrives whole`, { skip: SKIP, timeout: 180_000 }, async (t) => {
    await labCase(t, { mode, prefix: PREFIX }, async (lab) => {
      await lab.startDaemon(TWO);
      const { topology } = lab;
      const tcp = `-t ${endpoint(topology.vip4, 80)}`, udp = `-u ${endpoint(topology.vip4, ECHO_PORT)}`;
      const real = (port: number): string[] => topology.servers.map(({ address4 }) => `${endpoint(address4, port)} ${method}`);
      await lab.command(['-R'], { input: [`-A ${tcp} -s rr`, ...real(80).map((words) => `-a ${tcp} -r ${words}`), `-A ${udp} -s rr`, ...real(ECHO_PORT).map((words) => `-a ${udp} -r ${words}`), ''].join('\n') });
      for (const [kind, port] of [['http', 80], ['udp', ECHO_PORT]] as const) {
        const { answers, failures } = await lab.send({ kind, address: topology.vip4, port, count: 60, timeoutMs: 8_000 });
        t.same({ answers, failures }, { answers: { rs1: 20, rs2: 20, rs3: 20 }, failures: {} }, kind);
      }
      const { stdout } = await lab.command(['-L', '-n', '--stats', '--exact', tcp.slice(0, 2), tcp.slice(3)]);
      t.match(stdout, /TCP +\S+ +60 /, 'every connection is counted');
      await lab.command(['-C']);
      const size = (FULL ? 200 : 20) * MEBIBYTE, expected = reproducibleSha256(size);
      const [service] = await setUpServices(lab);
      const { failures, sha256, bytes } = await lab.send({ kind: 'download', address: service!.address, port: service!.port, count: size, timeoutMs: 20_000 }, 120_000);
      t.same({ failures, sha256, bytes }, { failures: {}, sha256: expected, bytes: size }, service!.title);
      for (const host of ['client', 'rs1']) t.equal((await hostCounters(lab, host)).tcpChecksumErrors, 0, host);
    });
  });
}
