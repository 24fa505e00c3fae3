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
  ['run_estimation', 1, 0, 1, 'accepted for compatibility; rates are always estimated'],
  ['schedule_icmp', 0, 0, 1, 'schedule ICMP errors that match no entry'],
  ['secure_tcp', 0, 0, 3, 'defence: use the stricter TCP state table'],
  ['sloppy_tcp', 0, 0, 1, 'schedule TCP packets without SYN'],
  ['sloppy_sctp', 0, 0, 1, 'schedule SCTP packets that are not INIT'],
  ['snat_reroute', 1, 0, 1, 'route NAT answers again by their new source'],
  ['sync_period', 50, 0, 0x7fffffff, 'a connection is synchronised once in this many packets (the kernel\'s second number of sync_threshold)'],
  ['sync_persist_mode', 0, 0, 1, 'synchronise only templates of persistent services, not their connections'],
  ['sync_ports', 1, 1, 256, 'accepted for compatibility; one port is used'],
  ['sync_qlen_max', 7141, 0, 0x7fffffff, 'accepted for compatibility; messages are not queued'],
  ['sync_refresh_period', 0, 0, 0x7fffffff, 'seconds by which a timeout must have changed to be synchronised again'],
  ['sync_retries', 0, 0, 8, 'how often a changed timeout is repeated within sync_refresh_period'],
  ['sync_sock_size', 0, 0, 0x7fffffff, 'accepted for compatibility; the host\'s socket buffers are not used'],
  ['sync_threshold', 3, 0, 0x7fffffff, 'a connection is first synchronised at this many packets'],
  ['sync_version', 1, 0, 1, 'version of synchronisation messages'],
] as const;

export type SysctlName = (typeof SYSCTLS)[number][0];
export type SysctlValues = Record<SysctlName, number>;

export function sysctlDefaults(): SysctlValues {
  return Object.fromEntries(SYSCTLS.map(([name, value]) => [name, value])) as SysctlValues;
}
