import t from 'tap';
import { Anonymiser } from '../../../cli/tsipvs/anonymiser.ts';
import { parseAddress } from '../../../lib/wire/address.ts';

const KEY = Buffer.from('a key for the tests only');

t.test('the same key gives the same stand-ins, another key others', async (t) => {
  for (const address of ['198.51.100.7', '2001:db8::7']) {
    const standIn = new Anonymiser(KEY).address(address);
    t.not(standIn, address);
    t.equal(new Anonymiser(KEY).address(address), standIn);
    t.not(new Anonymiser(Buffer.from('another key for the tests')).address(address), standIn);
  }
});

t.test('no two clients become one, and those of a /24 stay among themselves', async (t) => {
  const anonymiser = new Anonymiser(KEY);
  const networks = new Map<string, string>();
  const standIns = new Set<string>();
  for (let network = 0; network < 40; network++) {
    for (let host = 0; host < 256; host++) {
      const standIn = anonymiser.address(`203.0.${network}.${host}`);
      standIns.add(standIn);
      const [a, b, c] = standIn.split('.');
      const into = `${a}.${b}.${c}`;
      t.equal(networks.get(`203.0.${network}`) ?? into, into);
      networks.set(`203.0.${network}`, into);
    }
  }
  t.equal(standIns.size, 40 * 256);
  t.equal(new Set(networks.values()).size, 40);
});

t.test('IPv6: those of a /64 stay among themselves', async (t) => {
  const anonymiser = new Anonymiser(KEY);
  const networkOf = (text: string): string => parseAddress(text)!.words.subarray(0, 2).join();
  const [one, two, other] = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'].map((address) => anonymiser.address(address)) as [string, string, string];
  t.equal(networkOf(one), networkOf(two));
  t.not(one, two);
  t.not(networkOf(one), networkOf(other));
});

t.test('stand-ins are ordinary unicast addresses', async (t) => {
  const anonymiser = new Anonymiser(KEY);
  for (let n = 0; n < 300; n++) {
    const first = Number(anonymiser.address(`198.18.${n & 255}.${n >> 8}`).split('.')[0]);
    t.ok(first > 0 && first < 224 && first !== 127);
    t.match(anonymiser.address(`2001:db8:${n.toString(16)}::1`), /^[23][0-9a-f]{3}:/);
  }
});
