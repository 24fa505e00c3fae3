/** Whether XDP is the right way for an interface, and whether it is one at all. Looks; changes nothing. */
import { readFileSync } from 'node:fs';
import { driverOf } from './ethtool.ts';

/** Their frames are super-frames in the kernel's memory: packet sockets take 64 KiB at a time, XDP would cut them to the MTU. */
const VIRTUAL: readonly string[] = ['veth', 'bridge', 'tun'];
/** XDP runs on what is below them, so that sockets bound to them get nothing. */
const STACKED: readonly string[] = ['bonding', 'team', '802.1Q VLAN Support', 'macvlan', 'ipvlan', 'bridge'];

/** Why `auto` takes packet sockets here, or null. */
export function whyPacket(name: string): string | null {
  const driver = driverOf(name);
  return VIRTUAL.includes(driver) ? `${driver}: packet sockets carry super-frames` : null;
}

/** Why XDP cannot be used here whatever the driver can do, or null. */
export function whyNotXdp(name: string): string | null {
  const driver = driverOf(name);
  if (STACKED.includes(driver)) return `${driver}: XDP belongs on the interfaces below`;
  const vlan = vlanAbove(name);
  return vlan === null ? null : `XDP does not see whose frames are tagged for ${vlan}`;
}

/** NB: as XDP gets frames, the tag is often off already: those for a VLAN interface look like ours. */
function vlanAbove(name: string): string | null {
  try {
    return vlanOn(name, readFileSync('/proc/net/vlan/config', 'utf8'));
  } catch {
    // A kernel without VLANs.
    return null;
  }
}

/** A VLAN interface over `name` in the text of /proc/net/vlan/config, or null. */
export function vlanOn(name: string, table: string): string | null {
  const rows = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  return rows.find(([, , below]) => below === name)?.[0] ?? null;
}
