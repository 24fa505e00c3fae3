import t from 'tap';
import { reproducibleSha256 } from '../../lib/lab/reproducible-bytes.ts';
import { hostCounters } from './host-counters.ts';
import { FULL, labCase, onDevices, SKIP } from './lab-case.ts';
import { setUpServices } from './lab-services.ts';

const PREFIX = 'tsipvs-tdown';
const MEBIBYTE = 1 << 20;

for (const [[mode, fullSize], device] of onDevices([['nat', 200], ['dr', 200], ['tun', 200]] as const, ([one]) => one !== 'dr')) {
  t.test(`a large download by ${mode} with ${device} and all offloads on arrives whole, without a checksum error at either end`, { skip: SKIP, timeout: 180_000 }, async (t) => {
    await labCase(t, { mode, device, servers: 1, prefix: PREFIX }, async (lab) => {
      const offloads = await lab.run('client', ['ethtool', '-k', 'eth0'], { mayFail: true });
      if (offloads.status === 0) t.match(offloads.stdout, /tcp-segmentation-offload: on/, 'segmentation is offloaded');
      await lab.startDaemon();
      const size = (FULL ? fullSize : 40) * MEBIBYTE, expected = reproducibleSha256(size);
      for (const service of await setUpServices(lab)) {
        const { answers, failures, sha256, bytes } = await lab.send({ kind: 'download', address: service.address, port: service.port, count: size, timeoutMs: 20_000 }, 120_000);
        t.same({ answers, failures, sha256, bytes }, { answers: { rs1: 1 }, failures: {}, sha256: expected, bytes: size }, service.title);
      }
      for (const host of ['client', 'rs1']) t.equal((await hostCounters(lab, host)).tcpChecksumErrors, 0, host);
    });
  });
}
