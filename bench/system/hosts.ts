/** The hosts of the bench, their addresses, and the ports that every contender forwards. */
const name = (host: string): string => `tsbench-${process.pid}-${host}`;

/** Network namespace of each host. */
export const NAMESPACES = { client: name('client'), director: name('director'), server: name('server') } as const;
export type Host = keyof typeof NAMESPACES;

export const VIP = '192.0.2.10';
export const RIP = '10.1.0.1';
export const CIP = '198.51.100.2';

export const IPERF_PORT = 5201;
export const HTTP_PORT = 80;
/** UDP; counted at the real server's interface and dropped there. */
export const SINK_PORT = 9;
