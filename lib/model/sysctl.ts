/** The net.ipv4.vs.* knobs: one list gives name, default, range and help. Names are the kernel's without the prefix. */
export const SYSCTLS = [
  ['am_droprate', 10, 1, 0x7fffffff, 'drop one in this many new connections while drop_packet is active (mode 1)'],
  ['amemthresh', 1024, 0, 0x7fffffff, 'free memory in pages below which the defences become active'],
  ['backup_only', 0, 0, 1, 'do not schedule while only a backup synchronisation daemon runs'],
  ['cache_bypass', 0, 0, 1, 'with a mark service and no destination, forward to the original address'],
  ['conn_reuse_mode', 1, 0, 0x7fffffff, 'what a SYN that hits an old entry does: 0 reuse it, 1 reschedule'],
  ['conntrack', 0, 0, 1, 'accepted for compatibility; connection tracking is the host\'s'],
  ['drop_entry', 0, 0, 3, 'defence: drop random SYN_RECV and similar entries'],
  ['drop_packet', 0, 0, 3, 'defence: drop every am_droprate-th new connection'],
  ['expire_nodest_conn', 0, 0, 1, 'end entries at once when their destination is removed'],
  ['expire_quiescent_template', 0, 0, 1, 'persistence templates to weight-0 destinations are not used for new connections'],
  ['ignore_tunneled', 0, 0, 1, 'leave packets that came out of a tunnel alone'],
  ['lblc_expiration', 86400, 0, 0x7fffffff, 'seconds after which lblc forgets an unused destination address'],
  ['lblcr_expiration', 86400, 0, 0x7fffffff, 'seconds after which lblcr forgets an unused destination address, or shrinks an unchanged set'],
  ['nat_icmp_send', 0, 0, 1, 'answer packets from a NAT real server that match no entry with port unreachable'],
  ['pmtu_disc', 1, 0, 1, 'copy DF to the tunnel header and honour path MTU'],
  ['schedule_icmp', 0, 0, 1, 'schedule ICMP errors that match no entry'],
  ['secure_tcp', 0, 0, 3, 'defence: use the stricter TCP state table'],
  ['sloppy_tcp', 0, 0, 1, 'schedule TCP packets without SYN'],
  ['sloppy_sctp', 0, 0, 1, 'schedule SCTP packets that are not INIT'],
  ['snat_reroute', 1, 0, 1, 'route NAT answers again by their new source'],
] as const;

export type SysctlName = (typeof SYSCTLS)[number][0];
export type SysctlValues = Record<SysctlName, number>;

export function sysctlDefaults(): SysctlValues {
  return Object.fromEntries(SYSCTLS.map(([name, value]) => [name, value])) as SysctlValues;
}
