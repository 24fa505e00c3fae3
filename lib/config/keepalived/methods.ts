/** lvs_method and its tunnel options: NAT, DR, TUN [type ipip | gue port N | gre] [nocsum | csum | remcsum]. */
import { IPIP_TUNNEL, type TunnelChecksum, type TunnelType } from '../../model/destination.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Method } from './draft.ts';
import type { ConfigLine } from './line-source.ts';

const CHECKSUMS: Readonly<Record<string, TunnelChecksum>> = { nocsum: 'none', csum: 'csum', remcsum: 'remcsum' };
const TYPES: readonly string[] = ['ipip', 'gue', 'gre'];
const KNOWN = ['NAT', 'DR', 'TUN'];

/** NB: upper or lower case only where keepalived compares so: "dr" is no method. */
export function readMethod(line: ConfigLine, diagnostics: Diagnostics): Method | null {
  const [, name, ...options] = line.words;
  if (name === 'NAT') return { method: 'masq', tunnel: IPIP_TUNNEL };
  if (name === 'DR') return { method: 'route', tunnel: IPIP_TUNNEL };
  if (name === 'TUN') return readTunnel(line, options, diagnostics);
  diagnostics.warn(line.place, name === undefined ? `${line.words[0]} without a method` : `unknown forwarding method "${name}"`, 'ignored', name ?? line.words[0]!, KNOWN);
  return null;
}

function readTunnel(line: ConfigLine, options: readonly string[], diagnostics: Diagnostics): Method | null {
  let type: TunnelType = 'ipip';
  let port = 0;
  let checksum: TunnelChecksum = 'none';
  const refused = (message: string, word: string): null => {
    diagnostics.warn(line.place, message, 'the method is ignored', word, [...TYPES, ...Object.keys(CHECKSUMS)]);
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
  if (type === 'gue' && port === 0) return refused('tunnel type gue needs a port', 'gue');
  if (type === 'ipip' && (port !== 0 || checksum !== 'none')) return refused('tunnel type ipip has neither port nor checksum', 'TUN');
  return { method: 'tunnel', tunnel: { type, port: type === 'gue' ? port : 0, checksum } };
}
