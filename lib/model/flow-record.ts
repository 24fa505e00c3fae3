/**
 * A recording of a director's connections (`tsipvs record`), one JSON object a line: a header, one line per connection in the order they ended, an end
 * line. A recording that was cut off lacks the end line and is whole up to there. Times are ms since the recording began, with fractions; counts
 * are of whole packets and of IP bytes as the director saw them, modulo 2^32.
 *
 *     {"format":"tsipvs-flows","version":1,"startedAt":"2024-05-01T12:00:00.000Z","services":["tcp 192.0.2.10 80"],"anonymised":false}
 *     {"arrivalMs":12.5,"service":0,"client":"198.51.100.7","port":40001,"durationMs":250.25,"packetsIn":6,"packetsOut":5,"bytesIn":512,"bytesOut":4096,"destination":"10.1.0.1:80","state":"TIME_WAIT"}
 *     {"end":true,"durationMs":60000,"records":1,"lost":0}
 */
import { LvsError } from './errors.ts';

export const FLOW_FORMAT = 'tsipvs-flows';
export const FLOW_VERSION = 1;

export interface FlowHeader {
  readonly format: typeof FLOW_FORMAT;
  readonly version: typeof FLOW_VERSION;
  /** Wall-clock time (ISO 8601, UTC) of arrivalMs 0. */
  readonly startedAt: string;
  /** serviceKey() of the services recorded: "tcp 192.0.2.10 80", "fwm4 1". */
  readonly services: readonly string[];
  /** Client addresses are stand-ins: equal ones stand for equal ones, of one /24 (IPv6: /64) stand for clients of one /24 (/64). */
  readonly anonymised: boolean;
}

export interface FlowRecord {
  readonly arrivalMs: number;
  /** Position in the header's services. */
  readonly service: number;
  readonly client: string;
  readonly port: number;
  /** From the first packet to the last one seen; what the director waited after that is not in it. */
  readonly durationMs: number;
  readonly packetsIn: number;
  /** 0 for direct routing and tunnels, whose answers do not pass the director. */
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** "10.1.0.1:80", "[2001:db8:1::1]:80"; null: none was to be had, or cache bypass. */
  readonly destination: string | null;
  /** The last state: "TIME_WAIT", "ESTABLISHED" (ran out of time, or open), "UDP"; REFUSED where there was no destination. */
  readonly state: string;
  /** The recording ended before the connection did. */
  readonly open?: true;
}

export interface FlowEnd {
  readonly end: true;
  readonly durationMs: number;
  readonly records: number;
  /** Connections that are missing because the reader did not keep up, or because there were more than --limit. */
  readonly lost: number;
}

export interface FlowRecording {
  readonly header: FlowHeader;
  /** By arrival. */
  readonly flows: readonly FlowRecord[];
  /** Null: the recording was cut off. */
  readonly end: FlowEnd | null;
}

const NUMBERS = ['arrivalMs', 'service', 'port', 'durationMs', 'packetsIn', 'packetsOut', 'bytesIn', 'bytesOut'] as const;

/** The lines of a recording; `file` for messages, which name the line. Blank lines are skipped. */
export function parseFlowRecording(lines: Iterable<string>, file: string): FlowRecording {
  let header: FlowHeader | null = null;
  let end: FlowEnd | null = null;
  const flows: FlowRecord[] = [];
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const fault = (problem: string): LvsError => new LvsError('BadRequest', `${file} line ${number}: ${problem}`);
    const value = parseLine(line, fault);
    if (header === null) header = parseHeader(value, fault);
    else if (end !== null) throw fault('follows the end of the recording');
    else if (value['end'] === true) end = value as unknown as FlowEnd;
    else flows.push(parseFlow(value, header, fault));
  }
  if (header === null) throw new LvsError('BadRequest', `${file} is empty: tsipvs record writes such files`);
  flows.sort((a, b) => a.arrivalMs - b.arrivalMs);
  return { header, flows, end };
}

type Fault = (problem: string) => LvsError;

function parseLine(line: string, fault: Fault): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw fault('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fault('not an object');
  return value as Record<string, unknown>;
}

function parseHeader(value: Record<string, unknown>, fault: Fault): FlowHeader {
  if (value['format'] !== FLOW_FORMAT) throw fault(`not a recording of tsipvs record (no "format":"${FLOW_FORMAT}")`);
  if (value['version'] !== FLOW_VERSION) throw fault(`version ${String(value['version'])} of the format is not known here, only ${FLOW_VERSION}`);
  if (!Array.isArray(value['services']) || value['services'].some((key) => typeof key !== 'string')) throw fault('services is not a list of names');
  return value as unknown as FlowHeader;
}

function parseFlow(value: Record<string, unknown>, { services }: FlowHeader, fault: Fault): FlowRecord {
  for (const name of NUMBERS) {
    const given = value[name];
    if (typeof given !== 'number' || !(given >= 0)) throw fault(`${name} is not a number from 0`);
  }
  if (services[value['service'] as number] === undefined) throw fault(`service ${value['service'] as number} is not in the header`);
  for (const name of ['client', 'state']) if (typeof value[name] !== 'string') throw fault(`${name} is not text`);
  if (value['destination'] !== null && typeof value['destination'] !== 'string') throw fault('destination is neither text nor null');
  return value as unknown as FlowRecord;
}
