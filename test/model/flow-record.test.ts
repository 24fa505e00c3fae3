import t from 'tap';
import { parseFlowRecording, type FlowHeader, type FlowRecord } from '../../lib/model/flow-record.ts';

const header: FlowHeader = { format: 'tsipvs-flows', version: 1, startedAt: '2024-05-01T12:00:00.000Z', services: ['tcp 192.0.2.10 80'], anonymised: false };
const flow = (arrivalMs: number, more: object = {}): FlowRecord => ({
  arrivalMs, service: 0, client: '198.51.100.7', port: 40001, durationMs: 250.25, packetsIn: 6, packetsOut: 5, bytesIn: 512, bytesOut: 4096,
  destination: '10.1.0.1:80', state: 'TIME_WAIT', ...more,
});
const lines = (...values: unknown[]): string[] => values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));

t.test('a recording is read back, its connections by arrival', async (t) => {
  const end = { end: true, durationMs: 1000, records: 2, lost: 0 };
  const recording = parseFlowRecording(lines(header, flow(20), '', flow(10, { destination: null, state: 'REFUSED' }), end), 'f');
  t.same(recording.header, header);
  t.same(recording.flows.map(({ arrivalMs }) => arrivalMs), [10, 20]);
  t.same(recording.end, end);
});

t.test('a recording without its end line is one that was cut off', async (t) => {
  t.match(parseFlowRecording(lines(header, flow(1)), 'f'), { end: null, flows: [{ arrivalMs: 1 }] });
});

t.test('what is wrong is named with its line', async (t) => {
  const refused: readonly [string[], RegExp][] = [
    [[], /f is empty/],
    [lines('{'), /f line 1: not JSON/],
    [lines('[]'), /line 1: not an object/],
    [lines({}), /line 1: not a recording of tsipvs record/],
    [lines({ ...header, version: 2 }), /line 1: version 2 of the format/],
    [lines({ ...header, services: 'x' }), /line 1: services/],
    [lines(header, flow(-1)), /line 2: arrivalMs/],
    [lines(header, flow(1, { bytesIn: 'x' })), /line 2: bytesIn/],
    [lines(header, '', flow(1, { service: 3 })), /line 3: service 3 is not in the header/],
    [lines(header, flow(1, { state: 1 })), /line 2: state/],
    [lines(header, flow(1, { destination: 1 })), /line 2: destination/],
    [lines(header, { end: true }, flow(1)), /line 3: follows the end/],
  ];
  for (const [text, message] of refused) t.throws(() => parseFlowRecording(text, 'f'), { message });
});
