/**
 * Random changes under traffic: commands for everything that can be configured, through the real ServiceTable (what it refuses changes nothing), and a host
 * whose links, routes, neighbours and MTUs come and go.
 */
import { ServiceTable } from '../../lib/control/service-table.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import type { Destination } from '../../lib/model/destination.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import { SYSCTLS } from '../../lib/model/sysctl.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { everyService, type FuzzService, fuzzNetwork, TUNNELS } from './director-with-everything.ts';

const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'twos', 'none'];
/** Knobs whose effect hangs on the host's memory or load, not on packets. */
const LEFT_ALONE = ['amemthresh'];

export class RandomEdits {
  readonly #random: SeededRandom;
  readonly #table = new ServiceTable();
  readonly #pool: readonly FuzzService[] = everyService();

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#table.useNetwork(fuzzNetwork().state());
    for (const { service, destinations } of this.#pool) {
      this.#table.execute({ op: 'addService', service });
      for (const destination of destinations) this.#table.execute({ op: 'addDestination', id: service.id, destination });
    }
  }

  /** The edits of one random change, often none because it was refused. */
  next(): readonly TableEdit[] {
    const r = this.#random;
    if (r.chance(0.12)) return [{ op: 'network', state: this.#network() }];
    const edits: TableEdit[] = [];
    for (const command of this.#commands()) {
      try {
        edits.push(...this.#table.execute(command));
      } catch (error) {
        if (!(error instanceof LvsError)) throw error;
      }
    }
    return edits;
  }

  #commands(): ControlCommand[] {
    const r = this.#random;
    const { service, destinations } = r.pick(this.#pool);
    const { id } = service;
    const destination = destinations.length ? this.#varied(r.pick(destinations)) : null;
    switch (r.below(12)) {
      case 0: return [{ op: 'deleteService', id }];
      case 1: return this.#everything();
      case 2: return [{ op: 'editService', service: { ...service, scheduler: r.pick(SCHEDULERS), schedFlags: r.below(8) } }];
      case 3: case 4: return destination ? [{ op: 'deleteDestination', id, address: destination.address, port: destination.port }] : [];
      case 5: case 6: return destination ? [{ op: 'addDestination', id, destination }] : [];
      case 7: case 8: return destination ? [{ op: 'editDestination', id, destination }] : [];
      case 9: {
        const [name, value, low, high] = r.pick(SYSCTLS);
        return LEFT_ALONE.includes(name) ? [] : [{ op: 'sysctl', name, value: r.pick([value, low, Math.min(high, value + r.below(60)), Math.min(high, low + r.below(4))]) }];
      }
      case 10: return r.chance(0.1) ? [{ op: 'flush' }, ...this.#everything()] : [{ op: 'zero', id: r.chance(0.5) ? id : null }];
      default: return [{ op: 'timeouts', timeouts: { tcp: r.below(3) * 100, tcpFin: r.below(3) * 10, udp: r.below(3) * 50 } }];
    }
  }

  /** Whatever is missing comes back, so that there is always something to meet. */
  #everything(): ControlCommand[] {
    return this.#pool.flatMap(({ service, destinations }): ControlCommand[] => [
      { op: 'addService', service }, ...destinations.map((destination): ControlCommand => ({ op: 'addDestination', id: service.id, destination })),
    ]);
  }

  #varied(destination: Destination): Destination {
    const r = this.#random;
    const method = r.chance(0.5) ? destination.method : r.pick(['masq', 'route', 'tunnel'] as const);
    const upperThreshold = r.chance(0.3) ? 1 + r.below(20) : 0;
    return { ...destination, method, tunnel: r.chance(0.5) ? destination.tunnel : r.pick(TUNNELS), weight: r.pick([0, 1, 1, 3, 100]), upperThreshold, lowerThreshold: r.below(upperThreshold + 1) };
  }

  #network(): NetworkState {
    const r = this.#random;
    const network = fuzzNetwork();
    if (r.chance(0.7)) {
      const device = network.device(r.pick(['cl0', 'rs0']));
      if (r.chance(0.3)) device.up = false;
      if (r.chance(0.5)) device.mtu = r.pick([68, 576, 1280, 1400, 9000]);
      if (r.chance(0.3)) network.neighbours.splice(r.below(network.neighbours.length), 1 + r.below(4));
      if (r.chance(0.3)) network.routes.splice(r.below(network.routes.length), 1);
      if (r.chance(0.2)) network.addRoute({ family: 4, prefix: `10.1.0.${r.below(8)}/32`, type: r.pick(['blackhole', 'unreachable', 'prohibit'] as const), table: 'main' });
      if (r.chance(0.2)) network.forwarding4 = network.forwarding6 = false;
    }
    return network.state();
  }
}
