import t from 'tap';
import { Controller } from '../../lib/control/controller.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import type { ApiSession } from '../../lib/control/api/server.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import { ZERO_STATS } from '../../lib/model/stats.ts';
import type { HealthEvent } from '../../lib/model/health-state.ts';
import type { HealthApi } from '../../lib/control/health-api.ts';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { RecordingLink } from '../support/recording-link.ts';

const WEB: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const ADD_WEB: ControlCommand = { op: 'addService', service: { id: WEB, scheduler: 'rr', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false } };
const addServer = (address: string): ControlCommand => ({
  op: 'addDestination', id: WEB, destination: { address, port: 80, method: 'masq', tunnel: IPIP_TUNNEL, weight: 1, upperThreshold: 0, lowerThreshold: 0 },
});
const RECORD: TraceRecord = { timeMs: 1, interface: 'cl0', packet: 'TCP', steps: [], verdict: 'pass', reason: '' };

function director(): { link: RecordingLink; controller: Controller } {
  const link = new RecordingLink();
  const info = { version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], workers: null, connTabSize: 4096, uptimeSec: 0 };
  return { link, controller: new Controller({ table: new ServiceTable(), link, info: () => info }) };
}

/** A caller with a connection. */
function caller(): { session: ApiSession; records: TraceRecord[]; close: () => void } {
  const records: TraceRecord[] = [];
  const listeners: (() => void)[] = [];
  return { session: { event: (record) => records.push(record as TraceRecord) > 0, onClose: (listener) => void listeners.push(listener), ready: () => true }, records, close: () => listeners.forEach((listener) => listener()) };
}

t.test('a reader of events that is too slow is told how many are missing, as soon as it reads again', async (t) => {
  const { controller } = director();
  let tell: (event: HealthEvent) => void = () => {};
  controller.useHealth({ subscribe: (listener: typeof tell) => { tell = listener; return () => {}; } } as unknown as HealthApi);
  let keepsUp = true;
  const heard: HealthEvent[] = [];
  await controller.handlers.events({}, { event: (event) => keepsUp && heard.push(event as HealthEvent) > 0, onClose() {}, ready: () => true });
  const event = (message: string): HealthEvent => ({ timeMs: 1, kind: 'weight', service: 's', server: null, state: null, message });
  for (const [message, fast] of [['a', true], ['b', false], ['c', false], ['d', true], ['e', true]] as const) {
    keepsUp = fast;
    tell(event(message));
  }
  t.same(heard.map(({ message }) => message), ['a', '2 events are missing here: they were read too slowly', 'd', 'e']);
});

t.test('apply answers only after the data plane has acknowledged', async (t) => {
  const { link, controller } = director();
  const release = link.hold();
  let answered = false;
  const reply = controller.call('apply', { commands: [ADD_WEB] }).then((result) => { answered = true; return result; });
  await new Promise((resolve) => setImmediate(resolve));
  t.same(link.edits, [ADD_WEB]);
  t.notOk(answered);
  release();
  t.same(await reply, { results: [{ ok: true }] });
});

t.test('a refused command does not stop the rest, and everything travels in one batch', async (t) => {
  const { link, controller } = director();
  const { results } = await controller.call('apply', { commands: [ADD_WEB, ADD_WEB, addServer('10.1.0.1'), addServer('224.0.0.1')] });
  t.match(results, [{ ok: true }, { ok: false, error: { code: 'ServiceExists' } }, { ok: true }, { ok: false, error: { code: 'InvalidOperation', message: /224\.0\.0\.1/ } }]);
  t.same(link.batches, [2]);
});

t.test('atomic: one refusal and nothing reaches the data plane', async (t) => {
  const { link, controller } = director();
  const { results } = await controller.call('apply', { commands: [ADD_WEB, addServer('0.0.0.0')], atomic: true });
  t.match(results, [{ ok: false, error: { message: /not applied, because command 1 was refused: 0\.0\.0\.0/ } }, { ok: false, error: { code: 'InvalidOperation' } }]);
  t.same(link.edits, []);
  t.same(await controller.call('list', {}), { services: [] });
  t.same((await controller.call('apply', { commands: [ADD_WEB, addServer('10.1.0.1')], atomic: true })).results, [{ ok: true }, { ok: true }]);
});

t.test('a data plane that fails makes apply fail', async (t) => {
  const { link, controller } = director();
  link.apply = () => Promise.reject(new Error('worker gone'));
  await t.rejects(controller.call('apply', { commands: [ADD_WEB] }), /worker gone/);
});

t.test('list joins what is configured with what the data plane counted, newest destination first', async (t) => {
  const { link, controller } = director();
  await controller.call('apply', { commands: [ADD_WEB, addServer('10.1.0.1'), addServer('10.1.0.2')] });
  const run = { address: '10.1.0.1', port: 80, activeConns: 3, inactiveConns: 4, persistentConns: 5, overloaded: false, stats: { ...ZERO_STATS, conns: 7 } };
  link.services = [{ key: 'tcp 192.0.2.10 80', stats: { ...ZERO_STATS, conns: 7 }, destinations: [run] }];
  const { services } = await controller.call('list', {});
  t.match(services, [{ run: { stats: { conns: 7 } }, destinations: [
    { destination: { address: '10.1.0.2' }, run: { address: '10.1.0.2', activeConns: 0, stats: ZERO_STATS } },
    { destination: { address: '10.1.0.1' }, run },
  ] }]);
  t.equal((await controller.call('list', { id: WEB })).services.length, 1);
  await t.rejects(controller.call('list', { id: { ...WEB, port: 443 } }), { code: 'NoSuchService' });
});

t.test('settings are told', async (t) => {
  const { controller } = director();
  await controller.call('apply', { commands: [{ op: 'timeouts', timeouts: { tcp: 5, tcpFin: 0, udp: 0 } }, { op: 'sysctl', name: 'sloppy_tcp', value: 1 }, { op: 'marks', rules: [{ mark: 3 }] }] });
  t.same(await controller.call('timeouts', {}), { tcp: 5, tcpFin: 120, udp: 300 });
  t.match(await controller.call('sysctls', {}), { sloppy_tcp: 1, conn_reuse_mode: 1 });
  t.same(await controller.call('marks', {}), { rules: [{ mark: 3 }] });
  t.same(await controller.call('daemons', {}), { daemons: [] });
  t.match(await controller.call('info', {}), { connTabSize: 4096 });
});

t.test('a flow that is asked about goes to the data plane, unless it cannot be', async (t) => {
  const { link, controller } = director();
  const question = { protocol: 'tcp', client: '203.0.113.7', clientPort: 1, virtual: '192.0.2.10', virtualPort: 80 } as const;
  link.answers = { explain: { decidedBy: 'scheduler' } };
  t.match(await controller.call('explain', { question }), { decidedBy: 'scheduler' });
  t.same(link.asked, [['explain', question]]);
  await t.rejects(controller.call('explain', { question: { ...question, interface: 'eth9' } }), { code: 'BadRequest', message: 'the director has no interface eth9: it has none' });
  await t.rejects(controller.call('explain', { question: { ...question, client: '2001:db8::7' } }), { code: 'BadRequest', message: '2001:db8::7 and 192.0.2.10 are addresses of different families' });
});

t.test('a trace runs for one caller at a time and ends with it', async (t) => {
  const { link, controller } = director();
  const first = caller();
  t.same(await controller.handlers.trace({ filter: { protocol: 6 } }, first.session), { started: true });
  link.emit(RECORD);
  await t.rejects(controller.handlers.trace({ filter: {} }, caller().session), { code: 'InvalidOperation', message: /running already/ });
  first.close();
  link.emit(RECORD);
  t.same(first.records, [RECORD]);
  t.same(link.filters, [{ protocol: 6 }, null]);
});

t.test('a trace ends at its limit, and the next one can start', async (t) => {
  const { link, controller } = director();
  const first = caller();
  await controller.handlers.trace({ filter: { limit: 2 } }, first.session);
  for (let n = 0; n < 3; n++) link.emit(RECORD);
  t.equal(first.records.length, 2);
  const second = caller();
  await controller.handlers.trace({ filter: {} }, second.session);
  first.close();
  link.emit(RECORD);
  t.equal(second.records.length, 1, 'the first caller\'s end does not stop the second\'s trace');
});
