/** virtual_server_group: addresses, ranges and marks that one virtual_server serves. */
import type { Diagnostics } from '../diagnostics.ts';
import { readPort, readRange } from './addresses.ts';
import type { Item, Keyword } from './block-parser.ts';
import type { Group, GroupMark, GroupMember } from './draft.ts';
import { UINT32_MAX, type Values } from './values.ts';

/** More is a mistake. */
const MAX_MEMBERS = 65_536;

export function groupKeyword(groups: Map<string, Group>, diagnostics: Diagnostics, values: Values): Keyword {
  return {
    items: (line, items, end) => {
      const name = values.word(line);
      if (name === null) return;
      const all: (GroupMember | GroupMark)[] = [];
      for (const item of items) {
        if (all.length >= MAX_MEMBERS) break;
        const added = member(item, diagnostics, values);
        if (all.length + added.length > MAX_MEMBERS || added.length > MAX_MEMBERS) diagnostics.warn(item.line.place, `virtual_server_group ${name} has more than ${MAX_MEMBERS} members`, 'left out of the group', item.line.words[0]!);
        else all.push(...added);
      }
      const refusal = refusalOf(all);
      if (refusal !== null) diagnostics.warn(end, `virtual_server_group ${name} ${refusal}`, 'the group is left out');
      else if (groups.has(name)) diagnostics.warn(line.place, `virtual_server_group "${name}" stands there twice`, 'the first one counts', name);
      else groups.set(name, { name, members: all });
    },
  };
}

function refusalOf(members: Group['members']): string | null {
  if (members.length === 0) return 'has no members';
  const { ipv4, ipv6 } = familiesOf(members);
  return ipv4 && ipv6 && members.some((one) => one.kind === 'fwmark' && one.family === null) ? 'has both address families and a mark without one' : null;
}

/** Which address families the members of a group name. */
export function familiesOf(members: Group['members']): { readonly ipv4: boolean; readonly ipv6: boolean } {
  const families = members.map((member) => (member.kind === 'fwmark' ? member.family : member.address.includes(':') ? 6 : 4));
  return { ipv4: families.includes(4), ipv6: families.includes(6) };
}

function member({ line }: Item, diagnostics: Diagnostics, values: Values): (GroupMember | GroupMark)[] {
  const [first, second] = line.words as [string, ...string[]];
  if (first === 'fwmark') {
    const fwmark = values.unsigned(line, 1, 1, UINT32_MAX);
    const family = line.words[2] === 'inet' ? 4 : line.words[2] === 'inet6' ? 6 : null;
    const stranger = line.words[2] !== undefined && family === null;
    if (stranger) diagnostics.warn(line.place, `"${line.words[2]}" is neither inet nor inet6`, 'the mark is left out of the group', line.words[2]!, ['inet', 'inet6']);
    return fwmark === null || stranger ? [] : [{ kind: 'fwmark', fwmark, family }];
  }
  const range = readRange(first);
  const port = second === undefined ? 0 : readPort(second);
  if (range === null || port === null) {
    diagnostics.warn(line.place, `"${line.words.slice(0, 2).join(' ')}" is no address or range with a port`, 'left out of the group', range === null ? first : second!);
    return [];
  }
  return range.addresses.map((address) => ({ kind: 'address', address, port, text: first }));
}
