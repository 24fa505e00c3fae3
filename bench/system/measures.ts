/** Everything a run writes down about a contender, in the order it is shown. The load that yields each is in loads.ts. */
export interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly digits: number;
}

const rate = (title: string, unit: string, digits = 0): Measure => ({ title, unit, better: 'more', digits });
const cost = (title: string, unit: string, digits = 2): Measure => ({ title, unit, better: 'less', digits });

export const MEASURES = {
  pps1k: rate('60-byte UDP, 1,024 flows', 'packets/s'),
  pps1kCpu: cost('  processor time', 'ns a packet', 0),
  pps30k: rate('60-byte UDP, 30,000 flows', 'packets/s'),
  pps30kCpu: cost('  processor time', 'ns a packet', 0),
  bulk1: rate('bulk TCP, 1 stream', 'Gbit/s', 2),
  bulk1Cpu: cost('  processor time', 'ms a Gbit', 0),
  bulk4: rate('bulk TCP, 4 streams', 'Gbit/s', 2),
  bulk4Cpu: cost('  processor time', 'ms a Gbit', 0),
  bulk16: rate('bulk TCP, 16 streams', 'Gbit/s', 2),
  bulk16Cpu: cost('  processor time', 'ms a Gbit', 0),
  keep: rate('HTTP, 32 kept-alive connections', 'requests/s'),
  keepP50: cost('  latency p50', 'us', 0),
  keepP99: cost('  latency p99', 'us', 0),
  keepP999: cost('  latency p99.9', 'us', 0),
  keepCpu: cost('  processor time', 'us a request', 1),
  fresh: rate('new TCP connections, 32 at a time', 'connections/s'),
  freshP99: cost('  latency p99', 'us', 0),
  freshCpu: cost('  processor time', 'us a connection', 1),
  idle: cost('idle', '% of one processor'),
  memory: cost('memory, 1M NAT connections', 'bytes each', 0),
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;
export type Reading = Partial<Record<MeasureName, number>>;

export function shown(measure: MeasureName, value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: MEASURES[measure].digits, maximumFractionDigits: MEASURES[measure].digits });
}
