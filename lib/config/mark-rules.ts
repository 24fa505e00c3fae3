/**
 * Mark rules as text, in the words of iptables, which is where LVS users put them: `-d 192.0.2.10 -p tcp --dport 80 --set-mark 1`.
 * One grammar for the command line (`tsipvs mark add ...`), for saved files, and for listings.
 */
import { LvsError } from '../model/errors.ts';
import type { MarkRule } from '../model/mark-rule.ts';
import { IPPROTO, type Family } from '../model/protocol.ts';
import { parsePrefix } from '../wire/address.ts';

type Draft = { -readonly [Field in keyof MarkRule]?: MarkRule[Field] };

interface MarkOption {
  /** The first name is the one written. */
  readonly names: readonly string[];
  readonly value: string;
  readonly help: string;
  read(draft: Draft, text: string, option: string): void;
  write(rule: MarkRule): string | null;
}

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: IPPROTO.tcp, udp: IPPROTO.udp, sctp: IPPROTO.sctp, icmp: IPPROTO.icmp, icmpv6: IPPROTO.icmpv6 };
const WITH_PORTS: readonly number[] = [IPPROTO.tcp, IPPROTO.udp, IPPROTO.sctp];

export const MARK_OPTIONS: readonly MarkOption[] = [
  {
    names: ['-s', '--source'], value: 'PREFIX', help: 'source address or prefix',
    read: (draft, text, option) => { draft.source = prefix(draft, text, option); },
    write: ({ source }) => source ?? null,
  },
  {
    names: ['-d', '--destination'], value: 'PREFIX', help: 'destination address or prefix',
    read: (draft, text, option) => { draft.destination = prefix(draft, text, option); },
    write: ({ destination }) => destination ?? null,
  },
  {
    names: ['-p', '--protocol'], value: 'PROTOCOL', help: 'tcp, udp, sctp, icmp, icmpv6 or a number',
    read: (draft, text, option) => { draft.protocol = Object.hasOwn(PROTOCOLS, text) ? PROTOCOLS[text]! : number(text, 0, 255, option); },
    write: ({ protocol }) => (protocol === undefined ? null : Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name] === protocol) ?? String(protocol)),
  },
  {
    names: ['--sport', '--source-port'], value: 'PORT[:PORT]', help: 'source port or range',
    read: (draft, text, option) => { draft.sourcePorts = portRange(text, option); },
    write: ({ sourcePorts }) => rangeText(sourcePorts),
  },
  {
    names: ['--dport', '--destination-port'], value: 'PORT[:PORT]', help: 'destination port or range',
    read: (draft, text, option) => { draft.destinationPorts = portRange(text, option); },
    write: ({ destinationPorts }) => rangeText(destinationPorts),
  },
  {
    names: ['-i', '--in-interface'], value: 'INTERFACE', help: 'interface the packet came in on',
    read: (draft, text) => { draft.interface = text; },
    write: (rule) => rule.interface ?? null,
  },
  {
    names: ['--set-mark'], value: 'MARK', help: 'firewall mark to give, 1 to 4294967295 (0x.. too)',
    read: (draft, text, option) => { draft.mark = number(text, 1, 0xffffffff, option); },
    write: ({ mark }) => String(mark >>> 0),
  },
];

/** A rule from the words of one line. -4 and -6 limit it to a family where no prefix says so. */
export function parseMarkRule(words: readonly string[]): MarkRule {
  const draft: Draft = {};
  const rest = words.flatMap((word) => (/^--[a-z-]+=/.test(word) ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word]));
  while (rest.length > 0) {
    const option = rest.shift()!;
    if (option === '-4' || option === '-6') {
      setFamily(draft, option === '-4' ? 4 : 6, option);
      continue;
    }
    const known = MARK_OPTIONS.find(({ names }) => names.includes(option));
    if (known === undefined) throw wrong(`unknown option ${option} (known: ${MARK_OPTIONS.map(({ names }) => names[0]).join(' ')} -4 -6)`);
    const text = rest.shift();
    if (text === undefined) throw wrong(`${option} needs a ${known.value}`);
    known.read(draft, text, option);
  }
  if (draft.mark === undefined) throw wrong('--set-mark MARK is missing');
  if ((draft.sourcePorts ?? draft.destinationPorts) !== undefined && !WITH_PORTS.includes(draft.protocol ?? 0)) throw wrong('ports need -p tcp, -p udp or -p sctp');
  return draft as MarkRule;
}

/** The rule as parseMarkRule() reads it. */
export function formatMarkRule(rule: MarkRule): string {
  const words = MARK_OPTIONS.flatMap(({ names, write }) => {
    const text = write(rule);
    return text === null ? [] : [names[0]!, text];
  });
  const implied = (rule.source ?? rule.destination) !== undefined;
  return [...(rule.family === undefined || implied ? [] : [`-${rule.family}`]), ...words].join(' ');
}

/** A saved file: one rule a line, # comments and empty lines skipped. A wrong line is named by number. */
export function parseMarkRules(text: string, name: string): MarkRule[] {
  return text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/\s+/).filter((word) => word !== '');
    if (words.length === 0 || words[0]!.startsWith('#')) return [];
    try {
      return [parseMarkRule(words)];
    } catch (error) {
      throw new LvsError('BadRequest', `${name} line ${index + 1}: ${(error as Error).message}`);
    }
  });
}

function prefix(draft: Draft, text: string, option: string): string {
  const parsed = parsePrefix(text);
  if (parsed === null) throw wrong(`${option} ${text} is not an address or prefix`);
  setFamily(draft, parsed.family, `${option} ${text}`);
  return text;
}

function setFamily(draft: Draft, family: Family, from: string): void {
  if (draft.family !== undefined && draft.family !== family) throw wrong(`${from} is not IPv${draft.family}, as the rest of the rule is`);
  draft.family = family;
}

function portRange(text: string, option: string): [number, number] {
  const match = /^(\d+)(?:[:-](\d+))?$/.exec(text);
  if (match === null) throw wrong(`${option} ${text} is not PORT or PORT:PORT`);
  const low = number(match[1]!, 0, 65535, option);
  const high = match[2] === undefined ? low : number(match[2], 0, 65535, option);
  if (low > high) throw wrong(`${option} ${text} runs backwards`);
  return [low, high];
}

function rangeText(range: readonly [number, number] | undefined): string | null {
  return range === undefined ? null : range[0] === range[1] ? String(range[0]) : `${range[0]}:${range[1]}`;
}

function number(text: string, low: number, high: number, option: string): number {
  const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : NaN;
  if (!(value >= low && value <= high)) throw wrong(`${option} ${text} is not a number from ${low} to ${high}`);
  return value;
}

function wrong(message: string): LvsError {
  return new LvsError('BadRequest', `mark rule: ${message}`);
}
