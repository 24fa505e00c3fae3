/** Words of lvs.cf and what they take (Piranha's sample.cf and lvs.cf(5)). */

export type Kind = 'text' | 'number' | 'switch' | 'address' | 'port' | { readonly words: readonly string[] };
export type Directives = Readonly<Record<string, Kind>>;

const NETWORKS = { words: ['nat', 'direct', 'tunnel'] } as const;

export const GLOBAL: Directives = {
  serial_no: 'text', service: { words: ['lvs', 'fos'] }, primary: 'text', primary_private: 'text', primary_shared: 'text', backup: 'text', backup_private: 'text', backup_shared: 'text', backup_active: 'switch',
  heartbeat: 'switch', heartbeat_port: 'port', keepalive: 'number', deadtime: 'number', network: NETWORKS, nat_router: 'text', nat_nmask: 'text', rsh_command: 'text', debug_level: 'text', monitor_links: 'switch',
  syncdaemon: 'switch', syncd_iface: 'text', syncd_id: 'number', tcp_timeout: 'number', tcpfin_timeout: 'number', udp_timeout: 'number', hard_shutdown: 'switch', active_cmd: 'text', inactive_cmd: 'text',
  ipvsadm: 'text', sync: 'text', reservation_conflict_action: { words: ['nothing', 'preempt'] },
};

export const VIRTUAL: Directives = {
  address: 'address', vip_nmask: 'text', active: 'switch', fwmark: 'number', port: 'port', protocol: { words: ['tcp', 'udp'] }, scheduler: 'text', persistent: 'number', pmask: 'text', send: 'text', expect: 'text',
  send_program: 'text', expect_program: 'text', use_regex: 'switch', timeout: 'number', reentry: 'number', load_monitor: { words: ['uptime', 'rup', 'ruptime', 'none'] }, quiesce_server: 'switch', sorry_server: 'address',
  client_monitor: 'text', start_cmd: 'text', stop_cmd: 'text',
};

export const SERVER: Directives = { address: 'address', active: 'switch', weight: 'number', port: 'port' };

export const FAILOVER: Directives = {
  address: 'address', vip_nmask: 'text', active: 'switch', port: 'port', send: 'text', expect: 'text', send_program: 'text', timeout: 'number', start_cmd: 'text', stop_cmd: 'text', use_regex: 'switch',
};

export const BLOCKS: Readonly<Record<string, Directives>> = { virtual: VIRTUAL, failover: FAILOVER, server: SERVER };
