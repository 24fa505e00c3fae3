import { execFileSync } from 'node:child_process';
import t from 'tap';
import { nftTable } from '../../lib/device/guard-nft.ts';
import { GuardPolicy, type GuardEntry } from '../../lib/device/guard-policy.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import type { TableEdit } from '../../lib/model/table-edit.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import type { ParsedPrefix } from '../../lib/wire/address.ts';

function hasNft(): boolean {
  try {
    execFileSync('nft', ['list', 'tables'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const ids: readonly (readonly [ServiceId, string])[] = [
  [{ kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, '10.0.0.1'],
  [{ kind: 'address', protocol: 'sctp', address: '192.0.2.10', port: 0 }, '10.0.0.1'],
  [{ kind: 'address', protocol: 'udp', address: '2001:db8::10', port: 53 }, '2001:db8::1'],
  [{ kind: 'fwmark', fwmark: 1, family: 4 }, '10.0.0.2'],
];
const edits: TableEdit[] = [
  {
    op: 'network', state: {
      interfaces: [], neighbours: [], forwarding4: true, forwarding6: true,
      routes: ['127.0.0.0/8', '127.0.0.1/32', '10.0.0.254/32', '2001:db8::fe/128'].map((prefix) => (
        { family: prefix.includes(':') ? 6 : 4, prefix, type: 'local', via: null, interface: 0, source: null, mtu: 0, metric: 0 })),
    },
  },
  ...ids.flatMap(([id, address]): TableEdit[] => [
    { op: 'addService', service: { id, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '', persistenceEngine: null, onePacket: false } },
    { op: 'addDestination', id, destination: { address, port: 0, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 } },
  ]),
  {
    op: 'marks', rules: [
      { mark: 2, source: '203.0.113.0/24', interface: 'lo' },
      { mark: 1, destination: '192.0.2.0/24', protocol: 6, destinationPorts: [80, 443], sourcePorts: [1024, 1024] },
      { mark: 1, interface: 'elsewhere' },
    ],
  },
];

t.test('every kind of entry is a rule that nft accepts', { skip: process.getuid?.() !== 0 ? 'needs root' : !hasNft() && 'needs nft' }, async (t) => {
  const entries: GuardEntry[] = [];
  const own: ParsedPrefix[] = [];
  const policy = new GuardPolicy({
    entryAdded: (entry) => entries.push(entry), entryRemoved: () => {}, ownAdded: (prefix) => own.push(prefix), ownRemoved: () => {}, rulesChanged: () => {},
  });
  edits.forEach((edit) => policy.apply(edit));
  const text = nftTable(['lo'], entries, own, policy.rules);
  execFileSync('nft', ['-c', '-f', '-'], { input: text });
  const rules = text.split('\n').map((line) => line.trim());
  for (const rule of [
    'ip frag-off & 0x3fff == 0 ip daddr 192.0.2.10 ip protocol 6 th dport 80 drop',
    'ip frag-off & 0x3fff == 0 ip daddr 192.0.2.10 ip protocol 132 drop',
    'ip frag-off & 0x3fff != 0 ip daddr 192.0.2.10 ip protocol 6 drop',
    'ip6 daddr 2001:db8::10 meta l4proto 17 th dport 53 drop',
    'exthdr frag exists ip6 daddr 2001:db8::10 meta l4proto 17 drop',
    'meta protocol ip meta l4proto { 6, 17, 132 } ip saddr 203.0.113.0/24 accept',
    'meta protocol ip meta l4proto 6 ip daddr 192.0.2.0/24 th sport 1024-1024 th dport 80-443 drop',
  ]) t.ok(rules.includes(rule), rule);
  t.match(text, /ip saddr 10\.0\.0\.1 ip protocol 6 ip daddr != \{ .*10\.0\.0\.254\/32.* \} drop/);
  t.notMatch(text, /127\.0\.0\.1\/32/, 'a prefix inside another one is left out');
  t.notMatch(text, /elsewhere/);
});
