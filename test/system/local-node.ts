/**
 * A program for tests, a director that only knows local nodes: frames for 192.0.2.10 are given to the host's stack as they are (the VIP is
 * on the host); what the host sends as real server 10.1.0.1:9000 comes back redirected and is sent to the client's MAC address (argument).
 * Prints "ready", and on SIGTERM one line of JSON with what it saw.
 */
import { PollSet } from '../../native-shims/index.ts';
import { PacketDevice } from '../../lib/device/af-packet.ts';
import { GuardPredicate } from '../../lib/device/guard-predicate.ts';
import { LocalInject } from '../../lib/device/local-inject.ts';
import { openLocalInterface } from '../../lib/device/local-interface.ts';
import { watchNetwork } from '../../lib/device/netlink-watch.ts';
import { openGuard } from '../../lib/device/open-guard.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { OFFLOAD_GSO_MASK } from '../../lib/wire/frame.ts';

const clientMac = Buffer.from(process.argv[2]!.replaceAll(':', ''), 'hex');
const local = openLocalInterface();
const host = new LocalInject(local.fd, local.name);
const wire = new PacketDevice('l0', { ringFrames: 120 });
const { guard } = openGuard({ kind: 'ebpf', redirectTo: local.ifindex });
const predicate = new GuardPredicate();
const id: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const edits: TableEdit[] = [
  { op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } },
  { op: 'addDestination', id, destination: { address: '10.1.0.1', port: 9000, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } },
];
const follow = (list: readonly TableEdit[]): void => {
  guard.widen(list);
  list.forEach((edit) => predicate.apply(edit));
  guard.narrow();
};
const network = watchNetwork({ attached: ['l0'] }, (state) => follow([{ op: 'network', state }]), () => {});
follow(edits);
const l0 = network.state.interfaces.find(({ name }) => name === 'l0')!.index;
const seen = { delivered: 0, redirected: 0, superFramesIn: 0, superFramesOut: 0 };
const polls = new PollSet([wire.pollFds[0]!, host.pollFds[0]!]);
let running = true;

process.on('SIGTERM', () => {
  running = false;
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  guard.close();
  host.close();
  wire.close();
  network.close();
});
process.stdout.write('ready\n');
step();

function step(): void {
  if (!running) return;
  polls.wait(20);
  for (let i = wire.receive(wire.burst), n = 0; n < i; n++) {
    const [off, len, offload] = [wire.burst.off[n]!, wire.burst.len[n]!, wire.burst.offload[n]!];
    if (!predicate.takes(l0, wire.burst.memory, off, len)) continue;
    seen.delivered++;
    if (offload & OFFLOAD_GSO_MASK) seen.superFramesIn++;
    host.transmit(wire.burst.memory, off, len, offload);
  }
  host.flush();
  wire.recycle();
  for (let i = host.receive(host.burst), n = 0; n < i; n++) {
    const [off, len, offload] = [host.burst.off[n]!, host.burst.len[n]!, host.burst.offload[n]!];
    seen.redirected++;
    if (offload & OFFLOAD_GSO_MASK) seen.superFramesOut++;
    host.burst.memory.u8.set(clientMac, off);
    wire.transmit(host.burst.memory, off, len, offload);
  }
  wire.flush();
  host.recycle();
  setImmediate(step);
}
