import t from 'tap';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, stopProcesses } from '../../lib/lab/lab-process.ts';
import { labDirectory } from '../../lib/lab/lab-state.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';
import { judge } from '../../lib/lab/demo.ts';
import { ECHO_PORT } from '../../lib/lab/topology.ts';
import { writeSysctls } from '../../lib/lab/namespaces.ts';
import { hostCounters } from './host-counters.ts';
import { FULL, labCase, onDevices, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';

const PREFIX = 'tsipvs-thost';
const REQUESTS = FULL ? 498 : 60;

for (const vipOnHost of [true, false]) {
  for (const [mode, device] of onDevices(['nat', 'dr', 'tun'] as const, (one) => vipOnHost && one === 'nat')) {
    t.test(`${mode} with ${device}, VIP ${vipOnHost ? '' : 'not '}on the host: nothing is lost and the host's stack keeps out, with ip_forward 0 and 1`, { skip: SKIP, timeout: 180_000 }, async (t) => {
      await labCase(t, { mode, device, vipOnHost, prefix: PREFIX }, async (lab) => {
        await lab.startServer('director', lab.topology.director.namespace, []);
        await lab.startDaemon();
        const services = await setUpServices(lab);
        const watcher = await watchAnswers(lab);
        for (const forward of ['0', '1']) {
          await writeSysctls(lab.topology.director.namespace, [['net/ipv4/ip_forward', forward], ['net/ipv6/conf/all/forwarding', forward]]);
          const before = await hostCounters(lab, 'director');
          // Side by side with the balanced requests: ssh-like connections to the director itself, and to a port of the VIP without service.
          const own = { kind: 'echo', port: ECHO_PORT, count: 3, durationMs: 1_000 } as const;
          const addresses = [lab.topology.director4, ...(vipOnHost ? vips(lab) : [])];
          const results = await lab.sendAll([
            ...services.map((service) => ({ kind: 'http', address: service.address, port: service.port, count: REQUESTS }) as const), ...addresses.map((address) => ({ ...own, address })),
          ]);
          services.forEach((service, i) => {
            const { holds, line } = judge(service, REQUESTS, results[i]!);
            t.ok(holds, `ip_forward ${forward}: ${line}`);
          });
          addresses.forEach((address, i) => {
            const { answers, failures } = results[services.length + i]!;
            t.same({ answers, failures }, { answers: { director: 3 }, failures: {} }, `connections to ${address} port ${ECHO_PORT}, which is no service, are the host's and unharmed`);
          });
          t.same(await hostCounters(lab, 'director'), before, 'no reset, no ICMP error, nothing forwarded by the host');
        }
        t.same(await watcher(), [], 'nor is one seen on the wire');
      });
    });
  }
}

for (const device of ['packet', 'xdp'] as const) t.test(`--own-vips with ${device}: a VIP that the host does not have is found by ARP and neighbour discovery`, { skip: SKIP, timeout: 60_000 }, async (t) => {
  await labCase(t, { mode: 'nat', device, vipOnHost: false, prefix: PREFIX }, async (lab) => {
    for (const vip of vips(lab)) await lab.run('client', ['ip', vip.includes(':') ? '-6' : '-4', 'route', 'del', vip]);
    await lab.startDaemon({ args: ['--own-vips'] });
    for (const service of await setUpServices(lab)) {
      const { holds, line } = judge(service, 6, await lab.send({ kind: 'http', address: service.address, port: service.port, count: 6 }));
      t.ok(holds, line);
      t.match((await lab.run('client', ['ip', 'neigh', 'show', service.address])).stdout, lab.topology.director.interfaces[0]!.mac);
    }
  });
});

for (const device of ['packet', 'xdp'] as const) t.test(`a killed daemon with ${device} leaves the host its traffic at once, and a new one starts`, { skip: SKIP, timeout: 120_000 }, async (t) => {
  await labCase(t, { mode: 'nat', device, prefix: PREFIX }, async (lab) => {
    await lab.startServer('director', lab.topology.director.namespace, []);
    const whoAnswers = async (address: string): Promise<unknown> => {
      const { answers, failures } = await lab.send({ kind: 'http', address, port: 80, count: 6 });
      return { answers, failures };
    };
    const balanced = { answers: { rs1: 3, rs2: 2, rs3: 1 }, failures: {} }, host = { answers: { director: 6 }, failures: {} };
    for (let round = 0; round < 2; round++) {
      await lab.startDaemon();
      await setUpServices(lab);
      for (const vip of vips(lab)) t.same(await whoAnswers(vip), balanced, `round ${round}: ${vip} is balanced`);
      lab.killDaemon();
      for (const vip of vips(lab)) t.same(await whoAnswers(vip), host, `round ${round}: ${vip} is the host's again`);
    }
    await lab.startDaemon();
    await setUpServices(lab);
    await lab.stopDaemon();
    for (const vip of vips(lab)) t.same(await whoAnswers(vip), host, `${vip} is the host's after an orderly end`);
  });
});

function vips(lab: RunningLab): string[] {
  return [lab.topology.vip4, lab.topology.vip6];
}

/** Watches the director's wires for resets and ICMP errors from the VIPs or the director itself; the function returned ends it and tells. */
async function watchAnswers(lab: RunningLab): Promise<() => Promise<string[]>> {
  const { vip4, vip6, director4, director6, prefix } = lab.topology;
  const filter = `(src host ${vip4} or src host ${director4}) and (tcp[tcpflags] & tcp-rst != 0 or icmp[icmptype] = icmp-unreach or icmp[icmptype] = icmp-redirect)`
    + ` or (src host ${vip6} or src host ${director6}) and ((ip6[6] = 6 and ip6[53] & 4 != 0) or (ip6[6] = 58 and (ip6[40] < 128 or ip6[40] = 137)))`;
  const log = join(labDirectory(prefix), 'watch.log');
  if ((await lab.run('director', ['tcpdump', '--version'], { mayFail: true }).catch(() => null)) === null) return async () => [];
  const argv = ['tcpdump', '--immediate-mode', '-Z', 'root', '-lnqti', 'any', filter];
  const watcher = await startProcess({ what: 'watch', log, namespace: lab.topology.director.namespace, argv, readyPattern: /listening on/ });
  return async () => {
    await stopProcesses([watcher]);
    const text = readFileSync(log, 'utf8');
    return text.split('\n').filter((line) => /^\S+ +(In|Out|IP|P|M|B)/.test(line) && !/^(tcpdump|listening)/.test(line));
  };
}
