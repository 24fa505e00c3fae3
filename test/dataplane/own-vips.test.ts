import t from 'tap';
import { OwnVips } from '../../lib/dataplane/own-vips.ts';
import type { NetworkState } from '../../lib/model/network-state.ts';
import type { VirtualService } from '../../lib/model/virtual-service.ts';
import { FrameMemory, type FrameSink } from '../../lib/wire/frame.ts';

function service(address: string): VirtualService {
  return {
    id: { kind: 'address', protocol: 'tcp', address, port: 80 }, scheduler: 'rr', schedFlags: 0,
    persistenceSec: 0, persistenceMask: address.includes(':') ? '128' : '255.255.255.255', persistenceEngine: null, onePacket: false,
  };
}

function network(...addresses: string[]): NetworkState {
  const base = { ifindex: 2, mtu: 1500, up: true };
  return {
    interfaces: [
      { ...base, index: 0, name: 'lo', mac: '', addresses: ['127.0.0.1/8'], attached: false },
      { ...base, index: 1, name: 'cl0', mac: '02:00:00:00:0d:01', addresses, attached: true },
    ],
    routes: [], neighbours: [], forwarding4: true, forwarding6: true,
  };
}

class Sent implements FrameSink {
  readonly frames: string[] = [];
  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number): void {
    this.frames.push(`${interfaceIdx} ${Buffer.from(memory.u8.slice(off, off + len)).toString('hex')}`);
  }
  pass(): void {}
  deliver(): void {}
  resolve(): void {}
}

/** A frame in memory as devices lay it out: the Ethernet header at 2 modulo 4. */
function ask(vips: OwnVips, sent: Sent, hex: string): boolean {
  const bytes = Buffer.from(hex.replace(/ /g, ''), 'hex');
  const memory = new FrameMemory(new ArrayBuffer(256));
  memory.u8.set(bytes, 130);
  return vips.answer(1, memory, 130, bytes.length, sent);
}

const ARP_WHO_HAS_10 = 'ffffffffffff 0200000000fe 0806 0001080006040001 0200000000fe c63364fe 000000000000 c000020a';
/** fe80::fe asks for 2001:db8::10. */
const SOLICITATION = `3333ff000010 0200000000fe 86dd 60000000 0020 3a ff fe8000000000000000000000000000fe ff0200000000000000000001ff000010
  87 00 0000 00000000 20010db8000000000000000000000010 01010200000000fe`.replace(/\s/g, '');

t.test('an ARP request for a VIP that no interface has is answered with the interface\'s MAC', async (t) => {
  const vips = new OwnVips();
  const sent = new Sent();
  vips.edit({ op: 'network', state: network('198.51.100.1/24') }, sent);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10), false, 'not yet a VIP');
  vips.edit({ op: 'addService', service: service('192.0.2.10') }, sent);
  t.same(sent.frames, ['1 ffffffffffff02000000' + '0d0108060001080006040001020000000d01c000020a000000000000c000020a'], 'announced');
  sent.frames.length = 0;
  t.equal(ask(vips, sent, ARP_WHO_HAS_10), true);
  t.same(sent.frames, ['1 0200000000fe020000000d0108060001080006040002020000000d01c000020a0200000000fec63364fe']);
});

t.test('what the host has, what is no service any more, replies and announcements of others are left alone', async (t) => {
  const vips = new OwnVips();
  const sent = new Sent();
  vips.edit({ op: 'network', state: network('192.0.2.10/32') }, sent);
  vips.edit({ op: 'addService', service: service('192.0.2.10') }, sent);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10), false);
  vips.edit({ op: 'network', state: network() }, sent);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10), true, 'once it is taken off the host it is ours');
  t.equal(ask(vips, sent, ARP_WHO_HAS_10.replace('0001080006040001', '0001080006040002')), false);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10.replace('c63364fe', 'c000020a')), false);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10.slice(0, 60)), false, 'cut short');
  vips.edit({ op: 'deleteService', id: service('192.0.2.10').id }, sent);
  t.equal(ask(vips, sent, ARP_WHO_HAS_10), false);
});

t.test('a neighbour solicitation is answered with a solicited advertisement whose checksum is right', async (t) => {
  const vips = new OwnVips();
  const sent = new Sent();
  vips.edit({ op: 'network', state: network() }, sent);
  vips.edit({ op: 'addService', service: service('2001:db8::10') }, sent);
  t.match(sent.frames[0], /^1 333300000001/, 'announced to all nodes');
  sent.frames.length = 0;
  t.equal(ask(vips, sent, SOLICITATION), true);
  const frame = sent.frames[0]!.slice(2);
  t.match(frame, /^0200000000fe020000000d0186dd6000000000203aff20010db8000000000000000000000010fe8000000000000000000000000000fe8800....6000000020010db80000000000000000000000100201020000000d01$/);
  const bytes = Buffer.from(frame, 'hex').subarray(14);
  let sum = 32 + 58;
  for (let i = 8; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  t.equal((sum & 0xffff) + (sum >>> 16), 0xffff);
  t.equal(ask(vips, sent, SOLICITATION.replace('3aff', '3afe')), false, 'routed here, hop limit below 255');
});

t.test('duplicate address detection is answered to all nodes, without the solicited flag', async (t) => {
  const vips = new OwnVips();
  const sent = new Sent();
  vips.edit({ op: 'network', state: network() }, sent);
  vips.edit({ op: 'addService', service: service('2001:db8::10') }, sent);
  sent.frames.length = 0;
  t.equal(ask(vips, sent, SOLICITATION.replace('fe8000000000000000000000000000fe', '00000000000000000000000000000000')), true);
  t.match(sent.frames[0], /^1 333300000001.*ff0200000000000000000000000000018800....20000000/);
});
