/**
 * The guard's eBPF program, ingress, egress and XDP. It follows the frame to a tuple, then asks the tables of guard-policy:
 *
 *   parse ── whole TCP UDP SCTP ──> tuple ────────────┐
 *     ├──── ICMP error ──> the quoted packet, turned round ──> classify: marks, service, real server
 *     └──── fragment ─────> classifyFragment: marks, VIP, real address
 *
 *   ingress: what is ours is dropped for the host (the packet socket has seen it already); all else goes on to the next program.
 *   egress:  what the host itself sends as a NAT real server is redirected to the director (`redirectTo`).
 *   xdp:     what is ours goes to the AF_XDP socket of its receive queue (`sockets`), so that the host never gets it; all else goes on.
 *
 * guard-predicate.ts is the same in TypeScript; a test runs both over random frames. Packet bytes are fetched with
 * bpf_skb_load_bytes or bpf_xdp_load_bytes, which cope with any buffer layout and need no pointer proofs.
 *
 *   r6 context  r7 protocol  r8 transport offset  r9 family
 */
import { Assembler, type Register, type Size } from './ebpf.ts';
import { BALANCED_PROTOCOLS, REAL_ADDRESS, REAL_SERVER, SERVICE, VIP, type GuardRule } from './guard-policy.ts';
import type { ParsedPrefix } from '../wire/address.ts';

/** Bytes of the key of the entries map: address 16 | port (network order) 2 | protocol 1 | kind + family 1. */
export const ENTRY_KEY_BYTES = 20;
/** Key of the own-prefixes map: prefix length 4 | family 4 | address 16. */
export const OWN_KEY_BYTES = 24;
/** Bits before the address in the own-prefixes map. */
export const OWN_PREFIX_BITS = 32;
/** SO_MARK of frames that the director itself sends ("tsip"); the egress program leaves them alone. */
export const DIRECTOR_MARK = 0x74736970;

/** What an XDP program needs besides. */
export interface XdpOptions {
  /** Descriptor of the map of AF_XDP sockets by receive queue. */
  readonly socketsFd: number;
  /** The interface's own address: frames to others are not ours. */
  readonly mac: string;
  /** Longer frames, from the Ethernet header on, are left to the packet socket. */
  readonly longest: number;
  /** XDP action for a frame of ours whose queue has no socket. */
  readonly withoutSocket: number;
}

export interface GuardProgramOptions {
  readonly direction: 'ingress' | 'egress' | 'xdp';
  readonly entriesFd: number;
  readonly ownFd: number;
  /** Interface the program is for; rules for others are left out. */
  readonly interface: string;
  /** Egress: where to send. */
  readonly redirectTo: number;
  readonly xdp?: XdpOptions;
}


/** Stack slots, from the frame pointer down. */
const KEY = -24;
const KEY_PORT = KEY + 16;
const KEY_PROTOCOL = KEY + 18;
const KEY_KIND = KEY + 19;
const PORTS = -32;
const SOURCE = -48;
const DESTINATION = -64;
/** Destination of the outer packet. */
const OUTER = -80;
const OWN_KEY = -104;
const HEADER = -160;
const OFFSET = -168;
const STACK_WORDS = 20;

const HELPER_MAP_LOOKUP = 1;
const HELPER_REDIRECT = 23;
const HELPER_SKB_LOAD_BYTES = 26;
const HELPER_REDIRECT_MAP = 51;
const HELPER_SKB_LOAD_BYTES_RELATIVE = 68;
const BPF_HDR_START_NET = 1;
const HELPER_XDP_BUFFER_LENGTH = 188;
const HELPER_XDP_LOAD_BYTES = 189;
const TCX_NEXT = -1;
const TCX_DROP = 2;
export const XDP_DROP = 1;
export const XDP_PASS = 2;
/** struct __sk_buff. */
const SKB_MARK = 8;
const SKB_PROTOCOL = 16;
const SKB_VLAN_PRESENT = 20;
const SKB_VLAN_TCI = 24;
/** struct xdp_md. */
const XDP_RX_QUEUE = 16;
const ETHERNET = 14;
/** Little-endian loads of network-order 16-bit fields. */
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
const IPV4_FRAGMENT = 0xff3f;
const IPV4_OFFSET = 0xff1f;
const IPV6_FRAGMENT = 0xf9ff;
const EXTENSION_HEADERS = 6;

export function guardProgram(rules: readonly GuardRule[], options: GuardProgramOptions): Uint8Array {
  const a = new Assembler();
  const isEgress = options.direction === 'egress';
  const { xdp } = options;
  const fp: Register = 10;

  a.aluRegister('mov', 6, 1);
  if (isEgress) a.load(4, 1, 6, SKB_MARK).jumpIf(1, '==', DIRECTOR_MARK, 'next');
  for (let i = 1; i <= STACK_WORDS; i++) a.storeValue(8, fp, -8 * i, 0);
  if (xdp !== undefined) ethernet(xdp);
  else link();
  a.jumpIf(1, '==', ETH_P_IP, 'ipv4').jumpIf(1, '==', ETH_P_IPV6, 'ipv6').jump('next');
  ipv4();
  ipv6();
  transport();
  icmpv4();
  icmpv6();
  classify();
  classifyFragment();
  a.label('hit');
  if (!isEgress) {
    own(OUTER, 'next');
    a.label('drop');
    if (xdp === undefined) a.alu('mov', 0, TCX_DROP).exit();
    else a.loadMap(1, xdp.socketsFd).load(4, 2, 6, XDP_RX_QUEUE).alu('mov', 3, xdp.withoutSocket).call(HELPER_REDIRECT_MAP).exit();
  } else {
    own(SOURCE, 'redirect');
    a.jump('next');
    a.label('redirect').alu('mov', 1, options.redirectTo).alu('mov', 2, 0).call(HELPER_REDIRECT).exit();
  }
  a.label('next').alu('mov', 0, xdp === undefined ? TCX_NEXT : XDP_PASS).exit();
  return a.assemble();

  /** Type of the packet into r1. */
  function link(): void {
    // A frame for a VLAN interface above this one is not ours; VLAN 0 is only a priority.
    a.load(4, 1, 6, SKB_VLAN_PRESENT).jumpIf(1, '==', 0, 'untagged');
    a.load(4, 1, 6, SKB_VLAN_TCI).alu('and', 1, 0xfff).jumpIf(1, '!=', 0, 'next');
    a.label('untagged').load(4, 1, 6, SKB_PROTOCOL);
  }

  /** The same, of a frame to this interface that is not too long. Longer and tagged ones are left to the packet socket beside. */
  function ethernet({ mac, longest }: XdpOptions): void {
    const address = new DataView(Uint8Array.from(mac.split(':'), (byte) => parseInt(byte, 16)).buffer);
    a.aluRegister('mov', 1, 6).call(HELPER_XDP_BUFFER_LENGTH).jumpIf(0, '>', longest, 'next').alu('mov', 2, 0);
    fetch(HEADER, ETHERNET);
    a.load(4, 1, fp, HEADER).jumpIf(1, '!=', address.getInt32(0, true), 'next').load(2, 1, fp, HEADER + 4).jumpIf(1, '!=', address.getUint16(4, true), 'next');
    a.load(2, 1, fp, HEADER + 12);
  }

  function ipv4(): void {
    a.label('ipv4').alu('mov', 9, 4).alu('mov', 2, ETHERNET);
    fetch(HEADER, 20);
    a.load(1, 1, fp, HEADER).aluRegister('mov', 8, 1).alu('and', 1, 0xf0).jumpIf(1, '!=', 0x40, 'next');
    a.alu('and', 8, 15).alu('lsh', 8, 2).jumpIf(8, '<', 20, 'next').alu('add', 8, ETHERNET);
    a.load(1, 7, fp, HEADER + 9);
    copy(SOURCE, HEADER + 12, 1);
    copy(DESTINATION, HEADER + 16, 1);
    copy(OUTER, HEADER + 16, 1);
    a.load(2, 1, fp, HEADER + 6).jumpIf(1, '&', IPV4_FRAGMENT, 'fragment').jump('transport');
  }

  function ipv6(): void {
    a.label('ipv6').alu('mov', 9, 6).alu('mov', 2, ETHERNET);
    fetch(HEADER, 40);
    a.load(1, 1, fp, HEADER).alu('and', 1, 0xf0).jumpIf(1, '!=', 0x60, 'next');
    copy(SOURCE, HEADER + 8, 4);
    copy(DESTINATION, HEADER + 24, 4);
    copy(OUTER, HEADER + 24, 4);
    a.load(1, 7, fp, HEADER + 6).alu('mov', 8, ETHERNET + 40);
    for (let i = 0; i < EXTENSION_HEADERS; i++) {
      const [step, options8, fragmentHeader, authentication] = [a.fresh(), a.fresh(), a.fresh(), a.fresh()];
      a.jumpIf(7, '==', 44, fragmentHeader).jumpIf(7, '==', 51, authentication);
      for (const header of [0, 43, 60]) a.jumpIf(7, '==', header, options8);
      a.jump('transport');
      a.label(fragmentHeader).aluRegister('mov', 2, 8);
      fetch(HEADER, 4);
      a.load(1, 7, fp, HEADER).alu('add', 8, 8);
      a.load(2, 1, fp, HEADER + 2).jumpIf(1, '&', IPV6_FRAGMENT, 'fragment').jump(step);
      a.label(options8).aluRegister('mov', 2, 8);
      fetch(HEADER, 2);
      a.load(1, 7, fp, HEADER).load(1, 1, fp, HEADER + 1).alu('add', 1, 1).alu('lsh', 1, 3).aluRegister('add', 8, 1).jump(step);
      a.label(authentication).aluRegister('mov', 2, 8);
      fetch(HEADER, 2);
      a.load(1, 7, fp, HEADER).load(1, 1, fp, HEADER + 1).alu('add', 1, 2).alu('lsh', 1, 2).aluRegister('add', 8, 1);
      a.label(step);
    }
  }

  function transport(): void {
    const [six, ports] = [a.fresh(), a.fresh()];
    a.label('transport').jumpIf(9, '==', 6, six).jumpIf(7, '==', 1, 'icmpv4').jump(ports);
    a.label(six).jumpIf(7, '==', 58, 'icmpv6');
    a.label(ports);
    requireBalanced();
    a.aluRegister('mov', 2, 8);
    fetch(PORTS, 4);
    a.jump('classify');
  }

  function icmpv4(): void {
    const error = a.fresh();
    a.label('icmpv4').aluRegister('mov', 2, 8);
    fetch(HEADER, 28);
    a.load(1, 1, fp, HEADER);
    for (const type of [3, 4, 11, 12]) a.jumpIf(1, '==', type, error);
    a.jump('next').label(error);
    const inner = HEADER + 8;
    a.load(1, 1, fp, inner).aluRegister('mov', 2, 1).alu('and', 1, 0xf0).jumpIf(1, '!=', 0x40, 'next');
    a.alu('and', 2, 15).alu('lsh', 2, 2).jumpIf(2, '<', 20, 'next').aluRegister('add', 8, 2).alu('add', 8, 8);
    a.load(2, 1, fp, inner + 6).jumpIf(1, '&', IPV4_OFFSET, 'next').load(1, 7, fp, inner + 9);
    copy(SOURCE, inner + 16, 1);
    copy(DESTINATION, inner + 12, 1);
    quotedPorts();
  }

  function icmpv6(): void {
    a.label('icmpv6').aluRegister('mov', 2, 8);
    fetch(HEADER, 48);
    a.load(1, 1, fp, HEADER).jumpIf(1, '==', 0, 'next').jumpIf(1, '>', 4, 'next');
    const inner = HEADER + 8;
    a.load(1, 1, fp, inner).alu('and', 1, 0xf0).jumpIf(1, '!=', 0x60, 'next');
    a.load(1, 7, fp, inner + 6).alu('add', 8, 48);
    copy(SOURCE, inner + 24, 4);
    copy(DESTINATION, inner + 8, 4);
    quotedPorts();
  }

  /** The quoted packet went the other way: its ports swap, as its addresses did. */
  function quotedPorts(): void {
    requireBalanced();
    a.aluRegister('mov', 2, 8);
    fetch(PORTS, 4);
    a.load(2, 1, fp, PORTS).load(2, 2, fp, PORTS + 2).store(2, fp, PORTS, 2).store(2, fp, PORTS + 2, 1).jump('classify');
  }

  function classify(): void {
    a.label('classify');
    if (!isEgress) {
      marks(rules, 'rules', 'drop');
      key(SERVICE, DESTINATION, PORTS + 2);
      lookup('drop');
      a.storeValue(2, fp, KEY_PORT, 0);
      lookup('drop');
    }
    key(REAL_SERVER, SOURCE, PORTS);
    lookup('hit');
    a.storeValue(2, fp, KEY_PORT, 0);
    lookup('hit');
    a.jump('next');
  }

  function classifyFragment(): void {
    a.label('fragment');
    requireBalanced();
    if (!isEgress) {
      marks(fragmentRules(rules), 'fragmentRules', 'drop');
      key(VIP, DESTINATION, null);
      lookup('drop');
    }
    key(REAL_ADDRESS, SOURCE, null);
    lookup('hit');
    a.jump('next');
  }

  /** Rules in order; the first that matches decides: to `selected` when its mark has a service, else on behind the rules. */
  function marks(list: readonly GuardRule[], name: string, selected: string): void {
    const [four, six] = ([4, 6] as const).map((family) => list.filter((rule) => appliesTo(rule, family))) as [GuardRule[], GuardRule[]];
    if (four.length + six.length === 0) return;
    a.jumpIf(9, '==', 6, `${name}6`);
    for (const rule of four) matchRule(rule, rule.selects4 ? selected : `${name}Done`);
    a.jump(`${name}Done`).label(`${name}6`);
    for (const rule of six) matchRule(rule, rule.selects6 ? selected : `${name}Done`);
    a.label(`${name}Done`);
  }

  function matchRule(rule: GuardRule, target: string): void {
    const miss = a.fresh();
    if (rule.protocol !== null) a.jumpIf(7, '!=', rule.protocol, miss);
    if (rule.source) matchPrefix(rule.source, SOURCE, miss);
    if (rule.destination) matchPrefix(rule.destination, DESTINATION, miss);
    if (rule.sourcePorts) matchPorts(rule.sourcePorts, PORTS, miss);
    if (rule.destinationPorts) matchPorts(rule.destinationPorts, PORTS + 2, miss);
    a.jump(target).label(miss);
  }

  function appliesTo(rule: GuardRule, family: 4 | 6): boolean {
    return (rule.family ?? family) === family && (rule.interface ?? options.interface) === options.interface
      && [rule.source, rule.destination].every((prefix) => prefix === null || prefix.family === family);
  }

  function matchPrefix(prefix: ParsedPrefix, slot: number, miss: string): void {
    for (let word = 0; word * 32 < prefix.length; word++) {
      a.load(4, 1, fp, slot + word * 4).alu('and', 1, prefix.mask[word]!).jumpIf(1, '!=', prefix.words[word]!, miss);
    }
  }

  function matchPorts([low, high]: readonly [number, number], slot: number, miss: string): void {
    a.load(2, 1, fp, slot).bigEndian16(1).jumpIf(1, '<', low, miss).jumpIf(1, '>', high, miss);
  }

  /** Jump to `label` when the address in `slot` is one of the host. */
  function own(slot: number, label: string): void {
    const [six, ready, miss] = [a.fresh(), a.fresh(), a.fresh()];
    a.store(4, fp, OWN_KEY + 4, 9);
    copy(OWN_KEY + 8, slot, 4);
    a.jumpIf(9, '==', 6, six).storeValue(4, fp, OWN_KEY, OWN_PREFIX_BITS + 32).jump(ready);
    a.label(six).storeValue(4, fp, OWN_KEY, OWN_PREFIX_BITS + 128);
    a.label(ready).loadMap(1, options.ownFd).aluRegister('mov', 2, fp).alu('add', 2, OWN_KEY).call(HELPER_MAP_LOOKUP);
    a.jumpIfZero(0, miss).jump(label).label(miss);
  }

  function key(kind: number, address: number, port: number | null): void {
    copy(KEY, address, 4);
    if (port === null) a.storeValue(2, fp, KEY_PORT, 0);
    else a.load(2, 1, fp, port).store(2, fp, KEY_PORT, 1);
    a.store(1, fp, KEY_PROTOCOL, 7);
    a.aluRegister('mov', 1, 9).alu('or', 1, kind).store(1, fp, KEY_KIND, 1);
  }

  function lookup(hit: string): void {
    const miss = a.fresh();
    a.loadMap(1, options.entriesFd).aluRegister('mov', 2, fp).alu('add', 2, KEY).call(HELPER_MAP_LOOKUP).jumpIfZero(0, miss).jump(hit).label(miss);
  }

  function requireBalanced(): void {
    const known = a.fresh();
    for (const protocol of BALANCED_PROTOCOLS) a.jumpIf(7, '==', protocol, known);
    a.jump('next').label(known);
  }

  /** Bytes at offset r2 of the frame onto the stack; a frame too short is not ours. */
  function fetch(slot: number, length: number): void {
    const done = a.fresh();
    // NB: what generic XDP has looked at and copied comes without the length of its Ethernet header, so that offsets count from the IP header. Where that is,
    // is known; but only bytes in the first piece of the buffer can be fetched so.
    if (options.direction === 'ingress') {
      a.store(8, fp, OFFSET, 2).alu('add', 2, -ETHERNET).aluRegister('mov', 1, 6).aluRegister('mov', 3, fp).alu('add', 3, slot).alu('mov', 4, length);
      a.alu('mov', 5, BPF_HDR_START_NET).call(HELPER_SKB_LOAD_BYTES_RELATIVE).jumpIf(0, '==', 0, done).load(8, 2, fp, OFFSET);
    }
    a.aluRegister('mov', 1, 6).aluRegister('mov', 3, fp).alu('add', 3, slot).alu('mov', 4, length).call(xdp === undefined ? HELPER_SKB_LOAD_BYTES : HELPER_XDP_LOAD_BYTES).jumpIf(0, '!=', 0, 'next');
    a.label(done);
  }

  function copy(to: number, from: number, words: number): void {
    const size: Size = 4;
    for (let i = 0; i < words; i++) a.load(size, 1, fp, from + i * 4).store(size, fp, to + i * 4, 1);
  }
}

/** Of a fragment only the addresses and the protocol count: every rule that could select its datagram is tried. */
export function fragmentRules(rules: readonly GuardRule[]): GuardRule[] {
  return rules.filter((rule) => rule.selects4 || rule.selects6).flatMap((rule) => {
    const portless = { ...rule, sourcePorts: null, destinationPorts: null };
    // A rule that selects in one family only must not end the search in the other.
    return ([4, 6] as const).filter((family) => (family === 4 ? rule.selects4 : rule.selects6)).map((family) => ({ ...portless, family }));
  });
}
