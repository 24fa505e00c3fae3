/**
 * Reads the shell commands of golden cases: the forms of ip(8), iptables(8), modprobe(8) and sysctl(8) that configure a director, not particular cases.
 * A command or word it does not know is an error that names it, so a case can never pass because its set-up was skipped.
 */
import type { MarkRule } from '../../lib/model/mark-rule.ts';
import { type Family, IPPROTO } from '../../lib/model/protocol.ts';
import type { HostNetwork } from './host-network.ts';
import { parseRoute, valueAfter } from './route-words.ts';

export interface ShellContext {
  readonly network: HostNetwork;
  /** Every net.ipv4.vs.* value, for loops over /proc/sys. */
  sysctls(): readonly (readonly [name: string, value: string])[];
  setSysctl(name: string, value: string): void;
}

/** Run one line; returns what it printed. */
export function runShell(line: string, context: ShellContext): string {
  const loop = /^for (\w+) in \/proc\/sys\/net\/ipv4\/vs\/\*; do echo "\$\(basename \$\1\) = \$\(cat \$\1\)"; done$/.exec(line.trim());
  if (loop) return [...context.sysctls()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name} = ${value}\n`).join('');
  for (const command of line.split(/&&|;/)) {
    const words = command.trim().split(/\s+/).filter((w) => w !== '');
    if (words.length) runCommand(words, context);
  }
  return '';
}

function runCommand(words: string[], context: ShellContext): void {
  const run = COMMANDS[words[0]!];
  if (!run) throw new Error(`shell step: no model of the command ${words[0]}`);
  run(words.slice(1), context);
}

const COMMANDS: Readonly<Record<string, (words: string[], context: ShellContext) => void>> = {
  ip: (words, { network }) => runIp(words, network),
  iptables: (words, { network }) => runIptables(words, 4, network),
  ip6tables: (words, { network }) => runIptables(words, 6, network),
  modprobe: (words, { network }) => words.filter((w) => !w.startsWith('-')).forEach((w) => network.modules.add(w)),
  sysctl: (words, context) => {
    for (const word of words.filter((w) => !w.startsWith('-'))) {
      const [name = '', value = ''] = word.split('=');
      context.setSysctl(name, value);
    }
  },
};

function runIp(words: string[], network: HostNetwork): void {
  let family: Family = 4;
  let familyGiven = false;
  while (words[0]?.startsWith('-')) {
    const option = words.shift()!;
    if (option !== '-4' && option !== '-6') throw new Error(`shell step: ip ${option}`);
    family = option === '-6' ? 6 : 4;
    familyGiven = true;
  }
  const [object = '', verb = 'show', ...rest] = words;
  const key = `${IP_OBJECTS.find((o) => o.startsWith(object)) ?? object} ${verb}`;
  switch (key) {
    case 'link add': {
      const name = rest.find((w, i) => !['add', 'name', 'link', 'type', 'dummy'].includes(w) && rest[i - 1] !== 'type' && rest[i - 1] !== 'mtu' && rest[i - 1] !== 'address' && !['mtu', 'address'].includes(w))!;
      if (valueAfter(rest, 'type') !== 'dummy') throw new Error(`shell step: ip link add type ${valueAfter(rest, 'type')}`);
      network.addDevice(name);
      const mtu = valueAfter(rest, 'mtu');
      if (mtu) network.device(name).mtu = Number(mtu);
      return;
    }
    case 'link set': {
      const device = network.device(rest[0] === 'dev' ? rest[1]! : rest[0]!);
      if (rest.includes('up')) device.up = true;
      if (rest.includes('down')) device.up = false;
      const mtu = valueAfter(rest, 'mtu');
      if (mtu) device.mtu = Number(mtu);
      return;
    }
    case 'address add': network.addAddress(valueAfter(rest, 'dev')!, rest[0]!); return;
    case 'route add': case 'route replace': network.addRoute(parseRoute(rest, familyGiven ? family : undefined, (via) => network.deviceTowards(via))); return;
    case 'route del': {
      const route = parseRoute(rest, familyGiven ? family : undefined, (via) => network.deviceTowards(via));
      const at = network.routes.findIndex((r) => r.prefix === route.prefix && r.table === (route.table ?? 'main'));
      if (at < 0) throw new Error(`shell step: ip route del ${rest.join(' ')}: no such route`);
      network.routes.splice(at, 1);
      return;
    }
    case 'rule add': {
      const fwmark = valueAfter(rest, 'fwmark');
      const table = valueAfter(rest, 'lookup') ?? valueAfter(rest, 'table');
      if (!fwmark || !table) throw new Error(`shell step: ip rule add ${rest.join(' ')}`);
      network.rules.push({ family, fwmark: Number(fwmark.split('/')[0]), table });
      return;
    }
    case 'neighbour add': case 'neighbour replace':
      network.neighbours.push({ address: rest[0]!, mac: valueAfter(rest, 'lladdr')!, device: valueAfter(rest, 'dev')! });
      return;
    default: throw new Error(`shell step: ip ${words.join(' ')}`);
  }
}

const IP_OBJECTS = ['address', 'link', 'neighbour', 'route', 'rule'];
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { tcp: IPPROTO.tcp, udp: IPPROTO.udp, sctp: IPPROTO.sctp, icmp: IPPROTO.icmp, icmpv6: IPPROTO.icmpv6, 'ipv6-icmp': IPPROTO.icmpv6 };

function runIptables(words: string[], family: Family, network: HostNetwork): void {
  let table = 'filter';
  let chain = '';
  let target = '';
  let mark = 0;
  let ctState: string | null = null;
  const match: { -readonly [K in keyof MarkRule]?: MarkRule[K] } = { family };
  for (let i = 0; i < words.length; i++) {
    const next = (): string => words[++i] ?? '';
    const word = words[i]!;
    switch (word) {
      case '-t': table = next(); break;
      case '-A': case '--append': chain = next(); break;
      case '-s': case '--source': match.source = next(); break;
      case '-d': case '--destination': match.destination = next(); break;
      case '-p': case '--protocol': { const p = next(); match.protocol = PROTOCOL_NUMBERS[p] ?? Number(p); break; }
      case '-i': case '--in-interface': match.interface = next(); break;
      case '--dport': case '--destination-port': match.destinationPorts = portRange(next()); break;
      case '--sport': case '--source-port': match.sourcePorts = portRange(next()); break;
      case '-m': { const m = next(); if (!['tcp', 'udp', 'sctp', 'conntrack', 'state', 'mark'].includes(m)) throw new Error(`shell step: iptables -m ${m}`); break; }
      case '--ctstate': case '--state': ctState = next(); break;
      case '-j': case '--jump': target = next(); break;
      case '--set-mark': case '--set-xmark': mark = Number(next().split('/')[0]); break;
      default: throw new Error(`shell step: iptables word ${word}`);
    }
  }
  if (table === 'mangle' && chain === 'PREROUTING' && target === 'MARK') network.marks.push({ ...match, mark });
  else if (table === 'filter' && ['INPUT', 'FORWARD', 'OUTPUT'].includes(chain) && target === 'DROP') network.filters.push({ family, chain, match: { ...match, mark: 0 }, ctState, target });
  else throw new Error(`shell step: iptables -t ${table} -A ${chain} -j ${target}`);
}

function portRange(text: string): [number, number] {
  const [low = '', high] = text.split(':');
  return [Number(low), Number(high ?? low)];
}
