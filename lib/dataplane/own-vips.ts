/**
 * --own-vips: the director answers ARP and Neighbour Discovery for the addresses of its virtual services that no interface of the
 * host has, so that a VIP needs no `ip addr add`. A VIP it begins to own is announced, so that neighbours forget a former owner.
 * Addresses the host has are the host's to answer for.
 */
import type { NetworkState } from '../model/network-state.ts';
import { IPPROTO } from '../model/protocol.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { serviceKey } from '../model/virtual-service.ts';
import { parseAddress, type ParsedAddress } from '../wire/address.ts';
import { ARP_LENGTH, ARP_REPLY, ARP_REQUEST, copySenderMac, isEthernetIpv4, operation, senderAddress, targetAddress, writeArp } from '../wire/arp.ts';
import { checksumOf, pseudoSum } from '../wire/checksum.ts';
import { ETHERNET_LENGTH, ETHERTYPE_ARP, ETHERTYPE_IPV6, etherType, setEtherType } from '../wire/ethernet.ts';
import { FrameMemory, HEADROOM, type FrameSink } from '../wire/frame.ts';
import { hopLimit, IPV6_DESTINATION, IPV6_LENGTH, IPV6_SOURCE, nextHeader } from '../wire/ipv6.ts';
import {
  ADVERTISEMENT_LENGTH, ADVERTISEMENT_OVERRIDE, ADVERTISEMENT_SOLICITED, NDP_HOP_LIMIT, NDP_TARGET, NEIGHBOUR_SOLICITATION, ndpType, setNdpChecksum,
  SOLICITATION_LENGTH, writeAdvertisement,
} from '../wire/ndp.ts';

const BROADCAST = new Uint8Array(6).fill(0xff);
const UNKNOWN = new Uint8Array(6);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const ALL_NODES = parseAddress('ff02::1')!.words;
const VERSION_6 = 0x60;

interface OwnInterface { readonly index: number; readonly mac: Uint8Array }

export class OwnVips {
  /** serviceKey -> address text. */
  readonly #services = new Map<string, string>();
  #hostAddresses = new Set<string>();
  #interfaces: readonly OwnInterface[] = [];
  #owned = new Map<string, ParsedAddress>();
  readonly #memory = new FrameMemory(new ArrayBuffer(256));
  readonly #peerMac = new Uint8Array(6);
  readonly #words = new Int32Array(4);

  /** Follow services and the host's addresses; announces what becomes ours. */
  edit(edit: TableEdit, sink: FrameSink): void {
    switch (edit.op) {
      case 'addService':
        if (edit.service.id.kind === 'address') this.#services.set(serviceKey(edit.service.id), edit.service.id.address);
        break;
      case 'deleteService':
        this.#services.delete(serviceKey(edit.id));
        break;
      case 'flush':
        this.#services.clear();
        break;
      case 'network':
        this.#follow(edit.state);
        break;
      default:
        return;
    }
    this.#recompute(sink);
  }

  /** True when the frame asked for a VIP of ours and was answered. */
  answer(interfaceIdx: number, memory: FrameMemory, off: number, len: number, sink: FrameSink): boolean {
    if (this.#owned.size === 0 || interfaceIdx < 0) return false;
    const type = etherType(memory, off);
    if (type === ETHERTYPE_ARP) return this.#answerArp(interfaceIdx, memory, off, len, sink);
    return type === ETHERTYPE_IPV6 && this.#answerSolicitation(interfaceIdx, memory, off, len, sink);
  }

  #answerArp(interfaceIdx: number, memory: FrameMemory, off: number, len: number, sink: FrameSink): boolean {
    const arp = off + ETHERNET_LENGTH;
    if (len < ETHERNET_LENGTH + ARP_LENGTH || !isEthernetIpv4(memory, arp) || operation(memory, arp) !== ARP_REQUEST) return false;
    const target = targetAddress(memory, arp);
    const mac = this.#macOf(interfaceIdx);
    // A gratuitous request (sender = target) is an announcement of another owner, not a question.
    if (mac === null || senderAddress(memory, arp) === target || !this.#owns(4, target, 0, 0, 0)) return false;
    copySenderMac(memory, arp, this.#peerMac);
    writeArp(this.#memory, HEADROOM, ARP_REPLY, mac, target, this.#peerMac, senderAddress(memory, arp));
    this.#send(interfaceIdx, this.#peerMac, mac, ETHERTYPE_ARP, ARP_LENGTH, sink);
    return true;
  }

  #answerSolicitation(interfaceIdx: number, memory: FrameMemory, off: number, len: number, sink: FrameSink): boolean {
    const ip = off + ETHERNET_LENGTH;
    const icmp = ip + IPV6_LENGTH;
    if (len < ETHERNET_LENGTH + IPV6_LENGTH + SOLICITATION_LENGTH || nextHeader(memory, ip) !== IPPROTO.icmpv6 || hopLimit(memory, ip) !== NDP_HOP_LIMIT) return false;
    const [t0, t1, t2, t3] = this.#read(memory, icmp + NDP_TARGET);
    const mac = this.#macOf(interfaceIdx);
    if (ndpType(memory, icmp) !== NEIGHBOUR_SOLICITATION || mac === null || !this.#owns(6, t0, t1, t2, t3)) return false;
    const target = Int32Array.of(t0, t1, t2, t3);
    const asker = Int32Array.from(this.#read(memory, ip + IPV6_SOURCE));
    for (let i = 0; i < 6; i++) this.#peerMac[i] = memory.u8[off + 6 + i] as number;
    // From the unspecified address it is duplicate address detection: the answer goes to all (RFC 4861 section 7.2.4).
    if (asker.every((word) => word === 0)) this.#advertise(interfaceIdx, mac, target, ALL_NODES, ALL_NODES_MAC, ADVERTISEMENT_OVERRIDE, sink);
    else this.#advertise(interfaceIdx, mac, target, asker, this.#peerMac, ADVERTISEMENT_SOLICITED | ADVERTISEMENT_OVERRIDE, sink);
    return true;
  }

  #advertise(interfaceIdx: number, mac: Uint8Array, target: Int32Array, to: Int32Array, toMac: Uint8Array, flags: number, sink: FrameSink): void {
    const memory = this.#memory;
    const ip = HEADROOM;
    const icmp = ip + IPV6_LENGTH;
    memory.i32.fill(0, ip >> 2, icmp >> 2);
    memory.u8[ip] = VERSION_6;
    memory.u8[ip + 5] = ADVERTISEMENT_LENGTH;
    memory.u8[ip + 6] = IPPROTO.icmpv6;
    memory.u8[ip + 7] = NDP_HOP_LIMIT;
    memory.i32.set(target, (ip + IPV6_SOURCE) >> 2);
    memory.i32.set(to, (ip + IPV6_DESTINATION) >> 2);
    writeAdvertisement(memory, icmp, flags, target, mac);
    setNdpChecksum(memory, icmp, checksumOf(memory, icmp, ADVERTISEMENT_LENGTH, pseudoSum(memory, 6, ip + IPV6_SOURCE, IPPROTO.icmpv6, ADVERTISEMENT_LENGTH)));
    this.#send(interfaceIdx, toMac, mac, ETHERTYPE_IPV6, IPV6_LENGTH + ADVERTISEMENT_LENGTH, sink);
  }

  #announce({ family, words }: ParsedAddress, sink: FrameSink): void {
    for (const { index, mac } of this.#interfaces) {
      if (family === 6) {
        this.#advertise(index, mac, words, ALL_NODES, ALL_NODES_MAC, ADVERTISEMENT_OVERRIDE, sink);
      } else {
        writeArp(this.#memory, HEADROOM, ARP_REQUEST, mac, words[0]!, UNKNOWN, words[0]!);
        this.#send(index, BROADCAST, mac, ETHERTYPE_ARP, ARP_LENGTH, sink);
      }
    }
  }

  /** The packet is at HEADROOM of our memory. NB: it has no address for system calls, so devices copy it before this returns. */
  #send(interfaceIdx: number, to: Uint8Array, from: Uint8Array, type: number, length: number, sink: FrameSink): void {
    const off = HEADROOM - ETHERNET_LENGTH;
    this.#memory.u8.set(to, off);
    this.#memory.u8.set(from, off + 6);
    setEtherType(this.#memory, off, type);
    sink.transmit(interfaceIdx, this.#memory, off, ETHERNET_LENGTH + length, 0);
  }

  #follow({ interfaces }: NetworkState): void {
    this.#hostAddresses = new Set(interfaces.flatMap(({ addresses }) => addresses.map((prefix) => prefix.split('/')[0]!)));
    this.#interfaces = interfaces.filter(({ attached, up, mac }) => attached && up && mac !== '').map(({ index, mac }) => ({
      index, mac: Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16)),
    }));
  }

  #recompute(sink: FrameSink): void {
    const before = this.#owned;
    this.#owned = new Map();
    for (const text of this.#services.values()) {
      const address = this.#hostAddresses.has(text) ? null : parseAddress(text);
      if (address !== null) this.#owned.set(keyOf(address.family, address.words[0]!, address.words[1]!, address.words[2]!, address.words[3]!), address);
    }
    for (const [key, address] of this.#owned) if (!before.has(key)) this.#announce(address, sink);
  }

  #owns(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): boolean {
    return this.#owned.has(keyOf(family, w0, w1, w2, w3));
  }

  #macOf(interfaceIdx: number): Uint8Array | null {
    return this.#interfaces.find(({ index }) => index === interfaceIdx)?.mac ?? null;
  }

  #read(memory: FrameMemory, off: number): [number, number, number, number] {
    for (let i = 0; i < 4; i++) this.#words[i] = memory.i32[(off >> 2) + i] as number;
    return [this.#words[0]!, this.#words[1]!, this.#words[2]!, this.#words[3]!];
  }
}

/** Address resolution is rare; a string key costs nothing that matters. */
function keyOf(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): string {
  return family === 4 ? `4 ${w0}` : `6 ${w0} ${w1} ${w2} ${w3}`;
}
