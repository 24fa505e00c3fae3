import t from 'tap';
import { drawTopology } from '../../lib/lab/picture.ts';
import { allHosts, describeTopology, isLabNamespace, LAB_MODES, MAX_SERVERS } from '../../lib/lab/topology.ts';

t.test('every host has its own name, hardware address and addresses, and every gateway is on its network', async (t) => {
  for (const mode of LAB_MODES) {
    const topology = describeTopology({ mode, servers: MAX_SERVERS });
    const interfaces = allHosts(topology).flatMap((h) => h.interfaces), addresses = interfaces.flatMap((i) => i.addresses.map((a) => a.split('/')[0]));
    t.equal(new Set(interfaces.map((i) => i.mac)).size, interfaces.length);
    t.equal(new Set(addresses).size, addresses.length);
    for (const host of allHosts(topology)) {
      for (const { via } of host.routes) t.ok(interfaces.some((i) => host.interfaces.some((own) => own.segment === i.segment) && i.addresses.some((a) => a.startsWith(`${via}/`))), `${mode} ${host.name} reaches ${via}`);
    }
  }
});

t.test('the VIP stands on the director, or the client has a route to it', async (t) => {
  const on = describeTopology({ mode: 'nat' }), off = describeTopology({ mode: 'nat', vipOnHost: false });
  t.ok(on.director.interfaces[0]!.addresses.includes(`${on.vip4}/32`));
  t.notOk(off.director.interfaces[0]!.addresses.includes(`${off.vip4}/32`));
  t.ok(off.client.routes.some((r) => r.to === `${off.vip4}/32` && r.via === off.director4));
});

t.test('pictures name every server and the VIP', async (t) => {
  for (const mode of LAB_MODES) {
    const topology = describeTopology({ mode, servers: 5 }), picture = drawTopology(topology);
    for (const text of [topology.vip4, topology.vip6, ...topology.servers.map((s) => `${s.name} ${s.address4}`)]) t.match(picture, text, mode);
  }
});

t.test('only namespaces of the laboratory\'s own pattern are its own', async (t) => {
  for (const name of ['tsipvs-client', 'tsipvs-director', 'tsipvs-network', 'tsipvs-rs1', 'tsipvs-rs16']) t.ok(isLabNamespace('tsipvs', name));
  for (const name of ['tsipvs', 'tsipvs-', 'tsipvs-rs', 'tsipvs-rsx', 'tsipvs-nat-client', 'tsipvs-client2', 'other-client', 'client']) t.notOk(isLabNamespace('tsipvs', name));
});
