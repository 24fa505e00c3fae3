/** Which interfaces the director works on, and whether they can be worked on. Decision only. */
import { LvsError } from './model/errors.ts';
import type { NetworkInterface, NetworkState } from './model/network-state.ts';

/** Every IPv4 host takes 576 bytes (RFC 791); smaller links would fragment every packet of a director. */
const LEAST_MTU = 576;

/** The named interfaces, or with no names all that carry a route to somebody. */
export function chooseInterfaces(state: NetworkState, names: readonly string[]): readonly NetworkInterface[] {
  const chosen = names.length > 0 ? names.map((name) => named(state, name)) : state.interfaces.filter((candidate) => carriesRoute(state, candidate));
  if (chosen.length === 0) throw new LvsError('NoSuchDevice', 'no Ethernet interface carries a route: bring one up, or name the interfaces with --interface');
  for (const { name, mtu } of chosen) {
    if (mtu < LEAST_MTU) throw new LvsError('Unsupported', `${name} has MTU ${mtu}, less than ${LEAST_MTU}: ip link set ${name} mtu 1500`);
  }
  return chosen;
}

function named(state: NetworkState, name: string): NetworkInterface {
  const found = state.interfaces.find((candidate) => candidate.name === name && candidate.ifindex !== 0);
  if (found === undefined) throw new LvsError('NoSuchDevice', `no interface named ${name}: "ip link" lists them`);
  if (found.mac === '') throw new LvsError('Unsupported', `${name} is not an Ethernet interface: name others with --interface`);
  return found;
}

/** Link-local routes exist on every interface that is up and say nothing about who is reached there. */
function carriesRoute({ routes }: NetworkState, { index, mac, up }: NetworkInterface): boolean {
  return up && mac !== '' && routes.some((route) => route.interface === index && route.type === 'unicast' && !/^(fe80|ff00):/i.test(route.prefix));
}
