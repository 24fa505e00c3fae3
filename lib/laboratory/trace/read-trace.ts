/** A trace file of either kind: a capture (pcap, pcapng), or what `tsipvs record` wrote. */
import { readCapture } from '../../device/capture-reader.ts';
import { LvsError } from '../../model/errors.ts';
import { parseFlowRecording } from '../../model/flow-record.ts';
import { captureFlows } from './capture-flows.ts';
import type { Trace, TraceFlow } from './trace.ts';

const BRACE = 0x7b;
const MOST_SERVICES_SHOWN = 8;

/** `service`: whose connections, as serviceKey() writes it; by default the one with the most. `name` is for messages. */
export function readTrace(bytes: Uint8Array, name: string, service: string | null): Trace {
  const byService = bytes[0] === BRACE ? recordedFlows(bytes, name) : captureFlows(readCapture(bytes, name));
  const known = [...byService].filter(([, flows]) => flows.length > 0).sort(([, a], [, b]) => b.length - a.length);
  const list = known.slice(0, MOST_SERVICES_SHOWN).map(([key, flows]) => `"${key}" (${flows.length})`).join(', ');
  const [key, flows] = (service === null ? known[0] : known.find(([one]) => one === service)) ?? [];
  if (key === undefined || flows === undefined) {
    throw new LvsError('BadRequest', known.length === 0 ? `${name}: no connection begins in it` : `${name}: no connections of "${service}"; there are ${list}${known.length > MOST_SERVICES_SHOWN ? ' and others' : ''}`);
  }
  const fromMs = flows[0]!.atMs;
  return { service: key, flows: flows.map((flow) => ({ ...flow, atMs: flow.atMs - fromMs })) };
}

function recordedFlows(bytes: Uint8Array, name: string): Map<string, TraceFlow[]> {
  const { header, flows } = parseFlowRecording(new TextDecoder().decode(bytes).split('\n'), name);
  const byService = new Map<string, TraceFlow[]>(header.services.map((key) => [key, []]));
  for (const { arrivalMs, service, client, port, durationMs } of flows) byService.get(header.services[service]!)!.push({ atMs: arrivalMs, client, port, lengthMs: durationMs });
  return byService;
}
