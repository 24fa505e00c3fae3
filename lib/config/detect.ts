/** Which format a configuration file is in: told from its content, and from its name where the content says nothing. */
import { basename } from 'node:path';
import type { DesiredConfiguration } from '../model/desired-configuration.ts';

export type ConfigFormat = DesiredConfiguration['format'];
export const CONFIG_FORMATS: readonly ConfigFormat[] = ['native', 'keepalived', 'ldirectord', 'piranha', 'haproxy', 'ipvsadm'];

/** The first that matches counts: what only one format has stands before what several could have. */
const CONTENT: readonly (readonly [ConfigFormat, RegExp])[] = [
  ['keepalived', /^[ \t]*(?:@\^?\S+[ \t]+)?(?:virtual_server(?:_group)?|vrrp_instance|vrrp_sync_group|vrrp_script|global_defs|bfd_instance|static_ipaddress|static_routes|static_rules)\b[^=\n]*$/m],
  ['piranha', /^[ \t]*(?:virtual|failover)[ \t]+\S+[ \t]*\{/m],
  ['ldirectord', /^virtual6?[ \t]*=/m],
  ['haproxy', /^(?:(?:global|defaults)[ \t]*(?:#.*)?|(?:listen|frontend|backend|defaults)[ \t]+[^={\n]+)$/m],
  ['ipvsadm', /^[ \t]*(?:(?:ts)?ipvsadm[ \t]+)?(?:-[AaEe]|--add-service|--add-server|--edit-service|--edit-server|--set)[ \t]/m],
  ['piranha', /^[ \t]*(?:serial_no|hard_shutdown|rsh_command|nat_router)[ \t]*=/m],
  ['ldirectord', /^(?:checktimeout|checkinterval|quiescent|autoreload|fallback|negotiatetimeout|failurecount|logfile)[ \t]*=/m],
  ['native', /^(?:version|services)[ \t]*:/m],
  ['keepalived', /^[ \t]*(?:include[rmwba]?[ \t]+\S+|\$[A-Za-z_]\w*[ \t]*=)/m],
];

const MAX_LOOKED_AT = 4_000_000;

const NAMES: readonly (readonly [ConfigFormat, RegExp])[] = [
  ['native', /\.(?:ya?ml|json)$/i], ['keepalived', /keepalived/i], ['ldirectord', /ldirectord/i], ['piranha', /^lvs\.cf$/i], ['haproxy', /haproxy|\.cfg$/i], ['ipvsadm', /\.rules$|ipvsadm/i],
  ['keepalived', /\.conf$/i], ['ldirectord', /\.cf$/i],
];

/** Null when neither says anything. */
export function detectFormat(path: string, text: string): ConfigFormat | null {
  const name = basename(path);
  if (/\.(?:ya?ml|json)$/i.test(name)) return 'native';
  const plain = text.slice(0, MAX_LOOKED_AT).replace(/\r$/gm, '');
  const first = plain.split('\n').find((line) => !/^\s*(?:#|---|$)/.test(line)) ?? '';
  if (/^(?:\{|(?:version|services|timeouts)[ \t]*:)/.test(first)) return 'native';
  return CONTENT.find(([, form]) => form.test(plain))?.[0] ?? NAMES.find(([, form]) => form.test(name))?.[0] ?? null;
}
