/** The ready scenarios, each a file as a user would write it. One line each. */
import { CLIENT_SKEW } from './client-skew.ts';
import { EQUAL_SERVERS } from './equal-servers.ts';
import { FLAPPING_SERVER } from './flapping-server.ts';
import { HEAVY_TAILED } from './heavy-tailed.ts';
import { LONG_LIVED } from './long-lived.ts';
import { NAT_GATEWAYS } from './nat-gateways.ts';
import { PERSISTENCE_NETMASK } from './persistence-netmask.ts';
import { ROLLING_DEPLOY } from './rolling-deploy.ts';
import { THOUSAND_SERVERS } from './thousand-servers.ts';
import { THUNDERING_HERD } from './thundering-herd.ts';
import { UDP_ONE_PACKET } from './udp-one-packet.ts';
import { UNEQUAL_SERVERS } from './unequal-servers.ts';

/** By name, in the order they are listed in. */
export const READY_SCENARIOS: Readonly<Record<string, string>> = {
  'equal-servers': EQUAL_SERVERS,
  'unequal-servers': UNEQUAL_SERVERS,
  'heavy-tailed': HEAVY_TAILED,
  'long-lived': LONG_LIVED,
  'thundering-herd': THUNDERING_HERD,
  'client-skew': CLIENT_SKEW,
  'nat-gateways': NAT_GATEWAYS,
  'flapping-server': FLAPPING_SERVER,
  'rolling-deploy': ROLLING_DEPLOY,
  'thousand-servers': THOUSAND_SERVERS,
  'udp-one-packet': UDP_ONE_PACKET,
  'persistence-netmask': PERSISTENCE_NETMASK,
};
