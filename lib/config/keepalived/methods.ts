/** lvs_method and its tunnel options: NAT, DR, TUN [type ipip | gue port N | gre] [nocsum | csum | remcsum]. */
import { IPIP_TUNNEL, type ForwardingMethod, type Tunnel, type TunnelChecksum, type TunnelType } from '../../model/destination.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Method } from './draft.ts';
import type { ConfigLine } from './line-source.ts';
import type { Values } from './values.ts';

const CHECKSUMS: Readonly<Record<string, TunnelChecksum>> = { nocsum: 'none', csum: 'csum', remcsum: 'remcsum' };
const TYPES: readonly string[] = ['ipip', 'gue', 'gre'];
const KNOWN = ['NAT', 'DR', 'TUN'];

const METHODS: Readonly<Record<string, ForwardingMethod>> = { NAT: 'masq', DR: 'route', TUN: 'tunnel' };

/**
 * What a line makes of the method that counted before it. Options that are no good leave the tunnel as it was, but the method counts.
 * NB: upper or lower case only where keepalived compares so: "dr" is no method.
 */
export function readMethod(line: ConfigLine, before: Method | null, values: Values, diagnostics: Diagnostics): Method | null {
  const name = values.word(line);
  if (name === null) return before;
  if (!Object.hasOwn(METHODS, name)) {
    diagnostics.warn(line.place, `unknown forwarding method "${name}"`, 'ignored', name, KNOWN);
    return before;
  }
  return { method: METHODS[name]!, tunnel: readTunnel(line, line.words.slice(2), diagnostics) ?? before?.tunnel ?? IPIP_TUNNEL };
}

function readTunnel(line: ConfigLine, options: readonly string[], diagnostics: Diagnostics): Tunnel | null {
  let type: TunnelType = 'ipip';
  let port = 0;
  let checksum: TunnelChecksum = 'none';
  const refused = (message: string, word: string): null => {
    diagnostics.warn(line.place, message, 'the method counts, its options are ignored', word, [...TYPES, ...Object.keys(CHECKSUMS)]);
    return null;
  };
  for (let n = 0; n < options.length; n++) {
    const word = options[n]!;
    if (word === 'type') {
      const named = options[++n] ?? '';
      if (!TYPES.includes(named)) return refused(`unknown tunnel type "${named}"`, named);
      type = named as TunnelType;
    } else if (word === 'port') {
      const text = options[++n] ?? '';
      port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
      if (port < 1 || port > 65535) return refused(`tunnel port "${text}" is outside [1, 65535]`, text);
    } else if (Object.hasOwn(CHECKSUMS, word)) checksum = CHECKSUMS[word]!;
    else return refused(`unknown tunnel option "${word}"`, word);
  }
  if ((type === 'gue') !== (port !== 0)) return refused(type === 'gue' ? 'tunnel type gue needs a port' : `tunnel type ${type} has no port`, type === 'gue' ? 'gue' : 'port');
  if (type === 'ipip' && checksum !== 'none') return refused('tunnel type ipip has no checksum', checksum);
  if (type === 'gre' && checksum === 'remcsum') return refused('tunnel type gre has no remote checksum', checksum);
  return { type, port, checksum };
}
