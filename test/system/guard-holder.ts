/**
 * A program for tests: holds a guard of the kind given for a NAT service on 192.0.2.10 (udp 53 -> 10.2.0.2:8053, tcp 80 -> 10.2.0.2:8080)
 * until it is killed. Prints the line of openGuard() when the guard is up.
 */
import { openGuard } from '../../lib/device/open-guard.ts';
import type { Guard } from '../../lib/device/guard.ts';
import { watchNetwork } from '../../lib/device/netlink-watch.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';

const { guard, line } = openGuard({ kind: process.argv[2] as 'auto' | Guard['kind'] });
const services: readonly (readonly [ServiceId, number])[] = [
  [{ kind: 'address', protocol: 'udp', address: '192.0.2.10', port: 53 }, 8053],
  [{ kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, 8080],
];
const edits = services.flatMap(([id, port]): TableEdit[] => [
  { op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } },
  { op: 'addDestination', id, destination: { address: '10.2.0.2', port, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } },
]);
watchNetwork({ attached: ['l0', 'l1'] }, (state) => {
  guard.widen([{ op: 'network', state }]);
  guard.narrow();
}, () => {});
guard.widen(edits);
guard.narrow();
process.stdout.write(`${line}\n`);
process.on('SIGTERM', () => {
  guard.close();
  process.exit(0);
});
setInterval(() => {}, 1 << 30);
