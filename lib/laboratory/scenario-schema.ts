/** The scenario format: every field once, with what it takes, its default and what it means. Reading and the reference (`tsipvs schedulers format`) come from these tables. */
import type { Fields, PlainType } from '../config/native/schema.ts';
import { DISTRIBUTION_KINDS } from './distribution.ts';
import { MEASURES } from './ranking.ts';

export type ScenarioType = PlainType | 'service' | 'timeouts' | 'arrivals' | 'distribution' | 'clients' | 'gateways' | 'servers' | 'events';
export type ScenarioFields = Fields<ScenarioType>;

const LONGEST_SEC = 30 * 86_400;
const MOST_WEIGHT = 65_535;

export const SCENARIO: ScenarioFields = {
  version: { type: 'whole', required: true, least: 1, most: 1, help: 'Of this format: 1' },
  name: { type: 'text', required: true, help: 'In results' },
  title: { type: 'text', required: true, help: 'A headline' },
  question: { type: 'text', required: true, help: 'The one question it answers' },
  description: { type: 'text', otherwise: '', help: 'What the world is like' },
  ranking: { type: Object.keys(MEASURES), otherwise: 'response-p99', help: 'What schedulers are ranked by' },
  contrast: { type: 'texts', otherwise: [], help: 'Schedulers that the finding names in any case' },
  schedulers: { type: 'texts', otherwise: ['all'], help: 'What runs without --schedulers' },
  duration: { type: 'seconds', required: true, least: 0.001, most: LONGEST_SEC, help: 'Of virtual time; --connections makes it longer or shorter' },
  warmUp: { type: 'seconds', otherwise: 0, least: 0, most: LONGEST_SEC, help: 'Requests that come before are not measured' },
  service: { type: 'service', help: 'The virtual service' },
  arrivals: { type: 'arrivals', required: true, help: 'When connections begin' },
  work: { type: 'distribution', required: true, help: 'Of a request: seconds of a server of capacity 1' },
  requests: { type: 'distribution', help: 'Of a connection (keep-alive); 1 if missing' },
  pause: { type: 'distribution', help: 'Between two requests of a connection; none if missing' },
  clients: { type: 'clients', help: 'Who connects' },
  servers: { type: 'servers', required: true, help: 'Real servers' },
  events: { type: 'events', otherwise: [], help: 'What happens to them' },
};

export const SERVICE: ScenarioFields = {
  protocol: { type: ['tcp', 'udp'], otherwise: 'tcp', help: 'Protocol' },
  onePacket: { type: 'flag', otherwise: false, help: 'One-packet scheduling (UDP)' },
  persistence: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: 'Clients keep their server for so long' },
  persistenceMask: { type: 'text', otherwise: '255.255.255.255', help: 'Clients of one network count as one' },
  timeouts: { type: 'timeouts', help: 'Of connections: {tcp, tcpFin, udp}; the kernel\'s if missing' },
};

export const TIMEOUTS: ScenarioFields = {
  tcp: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: 'Established' },
  tcpFin: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: 'Closed by the client' },
  udp: { type: 'seconds', otherwise: 0, least: 0, most: 2_678_400, help: 'UDP' },
};

export const ARRIVALS: ScenarioFields = {
  process: { type: ['poisson', 'deterministic', 'bursts', 'closed'], otherwise: 'poisson', help: 'How they come' },
  rate: { type: 'number', least: 0.001, most: 10_000_000, help: 'Connections a second (all but closed)' },
  size: { type: 'number', otherwise: 10, least: 1, most: 1_000_000, help: 'Connections of a burst, on average' },
  spacing: { type: 'seconds', otherwise: 0, least: 0, most: LONGEST_SEC, help: 'Between those of a burst' },
  population: { type: 'whole', least: 1, most: 10_000_000, help: 'Clients of a closed population' },
  pause: { type: 'distribution', help: 'Of a client between its connections (closed)' },
};

export const DISTRIBUTION: ScenarioFields = {
  distribution: { type: DISTRIBUTION_KINDS, required: true, help: 'Which' },
  mean: { type: 'seconds', least: 0, most: LONGEST_SEC, help: 'All but bounded-pareto; a number, or a time like 10ms' },
  cv: { type: 'number', least: 0.001, most: 1000, help: 'lognormal, hyperexponential: standard deviation over mean' },
  shape: { type: 'number', least: 0.1, most: 100, help: 'pareto (over 1), bounded-pareto: the tail\'s exponent' },
  least: { type: 'seconds', least: 0, most: LONGEST_SEC, help: 'bounded-pareto' },
  most: { type: 'seconds', least: 0, most: LONGEST_SEC, help: 'bounded-pareto' },
};

export const CLIENTS: ScenarioFields = {
  count: { type: 'whole', otherwise: 100_000, least: 1, most: 10_000_000, help: 'How many' },
  skew: { type: 'number', otherwise: 0, least: 0, most: 10, help: 'Exponent of Zipf\'s law; 0 = all alike' },
  networks: { type: 'whole', otherwise: 0, least: 0, most: 1_000_000, help: 'They come from so many /24 networks, the k-th with a part as 1/k; 0 = from anywhere' },
  gateways: { type: 'gateways', help: 'Addresses that many clients are behind: {count, share}' },
};

export const GATEWAYS: ScenarioFields = {
  count: { type: 'whole', required: true, least: 0, most: 1_000_000, help: 'How many addresses' },
  share: { type: 'number', required: true, least: 0, most: 1, help: 'Of the clients, 0 to 1' },
};

export const SERVER: ScenarioFields = {
  name: { type: 'text', required: true, help: 'With count: the beginning of their names' },
  count: { type: 'whole', otherwise: 0, least: 0, most: 65_536, help: 'So many alike, numbered from 1; one, not numbered, if missing' },
  weight: { type: 'whole', otherwise: 1, least: 0, most: MOST_WEIGHT, help: 'Weight' },
  capacity: { type: 'number', otherwise: 1, least: 0.000001, most: 1_000_000, help: 'Seconds of work done in a second; FIFO: by each worker' },
  concurrency: { type: 'whole', otherwise: 0, least: 0, most: 10_000_000, help: 'Requests served at once, the rest waits; 0 = no limit (FIFO: 1)' },
  discipline: { type: ['processor-sharing', 'fifo'], otherwise: 'processor-sharing', help: 'Requests share the capacity, or have a worker each' },
  present: { type: 'flag', otherwise: true, help: 'There from the start; false: a join brings it' },
};

export const EVENT: ScenarioFields = {
  at: { type: 'seconds', required: true, least: 0, most: LONGEST_SEC, help: 'When' },
  kind: { type: ['join', 'leave', 'weight', 'fail', 'recover', 'drain', 'flap', 'roll'], required: true, help: 'What; flap: fail and recover again and again; roll: all servers in turn drain, leave and join' },
  server: { type: 'text', help: 'Which (all but roll)' },
  weight: { type: 'whole', least: 0, most: MOST_WEIGHT, help: 'Of weight' },
  detect: { type: 'seconds', otherwise: 3, least: 0, most: LONGEST_SEC, help: 'fail, flap: until health checks take it out' },
  every: { type: 'seconds', otherwise: 30, least: 0.001, most: LONGEST_SEC, help: 'flap, roll: from one time to the next' },
  times: { type: 'whole', otherwise: 1, least: 1, most: 10_000, help: 'flap: how often' },
  drain: { type: 'seconds', otherwise: 10, least: 0, most: LONGEST_SEC, help: 'roll: between drain and leave' },
  down: { type: 'seconds', otherwise: 10, least: 0, most: LONGEST_SEC, help: 'flap, roll: until it is back' },
};

/** For people: the tables above as text. */
export function formatReference(): string {
  const parts: readonly (readonly [string, ScenarioFields])[] = [
    ['scenario', SCENARIO], ['service', SERVICE], ['timeouts', TIMEOUTS], ['arrivals', ARRIVALS], ['a distribution (a number or time alone is deterministic)', DISTRIBUTION],
    ['clients', CLIENTS], ['gateways', GATEWAYS], ['each of servers', SERVER], ['each of events', EVENT],
  ];
  return parts.map(([title, fields]) => `${title}\n${Object.entries(fields).map(([name, { type, help, required, otherwise }]) => {
    const takes = typeof type === 'string' ? type : type.join(' | ');
    const note = required === true ? 'required' : otherwise === undefined ? '' : `default ${JSON.stringify(otherwise)}`;
    return `  ${name.padEnd(16)} ${help}${note === '' ? '' : ` (${note})`}\n${' '.repeat(19)}${takes}`;
  }).join('\n')}`).join('\n\n').concat('\n');
}
