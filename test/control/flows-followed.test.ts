import t from 'tap';
import { setImmediate as turn } from 'node:timers/promises';
import { Controller } from '../../lib/control/controller.ts';
import type { ApiSession } from '../../lib/control/api/server.ts';
import { ServiceTable } from '../../lib/control/service-table.ts';
import { InProcessLink } from '../../lib/dataplane/in-process-link.ts';
import { parseFlowRecording, type FlowRecord } from '../../lib/model/flow-record.ts';
import type { ShadowReport } from '../../lib/model/shadow-report.ts';
import type { RecordingEvent } from '../../lib/control/api/message.ts';
import { TCP_FLAG } from '../support/frame-builder.ts';
import { CLIENT, destination, server, tcpFrame, tcpService, TestDirector, VIP } from '../support/frames.ts';

const { syn } = TCP_FLAG;
const SERVICE = tcpService(80, { scheduler: 'rr' });

/** A controller over a data plane in memory, with a clock that the test moves. */
async function world(): Promise<{ controller: Controller; director: TestDirector; pass: (ms: number) => Promise<void> }> {
  const director = new TestDirector();
  const waiting = new Set<{ atMs: number; call: () => void }>();
  const clock = {
    after(ms: number, call: () => void): () => void {
      const entry = { atMs: director.nowMs + ms, call };
      waiting.add(entry);
      return () => waiting.delete(entry);
    },
  };
  const info = { version: '0', apiVersion: 1, pid: 1, device: 'none', interfaces: [], workers: null, connTabSize: 4096, uptimeSec: 0 };
  const controller = new Controller({ table: new ServiceTable(), link: new InProcessLink(director.dataplane, () => director.nowMs, director), info: () => info, clock, random: () => 0.5 });
  await controller.call('apply', { commands: [{ op: 'addService', service: SERVICE }, { op: 'addDestination', id: SERVICE.id, destination: destination(server(1), 80) }, { op: 'addDestination', id: SERVICE.id, destination: destination(server(2), 80) }] });
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = director.nowMs + ms; ;) {
      const next = [...waiting].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) {
        director.nowMs = endMs;
        return;
      }
      director.nowMs = next.atMs;
      waiting.delete(next);
      next.call();
      for (let n = 0; n < 20; n++) await turn();
    }
  };
  return { controller, director, pass };
}

class Caller<Event> {
  readonly events: Event[] = [];
  keepsUp = true;
  readonly #listeners: (() => void)[] = [];
  readonly session: ApiSession = { event: (event) => this.events.push(event as Event) > 0, onClose: (listener) => void this.#listeners.push(listener), ready: () => this.keepsUp };

  close(): void {
    for (const listener of this.#listeners) listener();
  }
}

function shadowsLeft(director: TestDirector): number {
  return [1, 2, 3, 4, 5].filter((id) => director.dataplane.ask('readShadow', { id, stop: false }, director.nowMs) !== null).length;
}

t.test('a shadow reports at intervals, and for the last time when its time is over', async (t) => {
  const { controller, director, pass } = await world();
  const caller = new Caller<ShadowReport>();
  await controller.handlers.shadow({ request: { service: SERVICE.id, scheduler: 'fo', schedFlags: 0 }, intervalMs: 1000, durationMs: 2500 }, caller.session);
  for (let n = 0; n < 4; n++) director.send(tcpFrame(CLIENT, 40_000 + n, VIP, 80, syn));
  await pass(10_000);
  t.same(caller.events.map(({ elapsedMs, flows, ended }) => [elapsedMs, flows, ended]), [[1000, 4, null], [2000, 4, null], [2500, 4, 'duration']]);
  t.equal(shadowsLeft(director), 0);
});

t.test('a shadow ends with its caller, and with its service', async (t) => {
  const { controller, director, pass } = await world();
  const [leaves, stays] = [new Caller<ShadowReport>(), new Caller<ShadowReport>()];
  for (const caller of [leaves, stays]) await controller.handlers.shadow({ request: { service: SERVICE.id, scheduler: 'mh', schedFlags: 2 } }, caller.session);
  t.equal(shadowsLeft(director), 2);
  leaves.close();
  await pass(1000);
  t.equal(shadowsLeft(director), 1);
  t.equal(leaves.events.length, 0);
  await controller.call('apply', { commands: [{ op: 'deleteService', id: SERVICE.id }] });
  await pass(5000);
  t.same(stays.events.map(({ ended }) => ended), [null, 'deleted']);
  t.equal(shadowsLeft(director), 0);
});

t.test('a shadow of nothing, by nothing, or one too many is refused', async (t) => {
  const { controller } = await world();
  const start = (scheduler: string, service = SERVICE.id): Promise<unknown> => controller.handlers.shadow({ request: { service, scheduler, schedFlags: 0 } }, new Caller().session);
  await t.rejects(start('mh', tcpService(81).id), { code: 'NoSuchService', message: `no service tcp ${VIP} 81` });
  await t.rejects(start('best'), { code: 'BadRequest', message: /no scheduler "best": one of rr, wrr/ });
  for (let n = 0; n < 4; n++) await start('lc');
  await t.rejects(start('lc'), { code: 'InvalidOperation', message: /4 shadow schedulers are running already/ });
});

t.test('a recording is handed over as it grows, and whole when it is ended', async (t) => {
  const { controller, director, pass } = await world();
  const caller = new Caller<RecordingEvent>();
  const { recording } = await controller.handlers.record({ request: { services: [SERVICE.id] } }, caller.session);
  director.send(tcpFrame(CLIENT, 40_001, VIP, 80, syn));
  await pass(70_000);
  t.match(caller.events, [{ records: [{ port: 40_001, state: 'SYN_RECV' }] }]);
  director.send(tcpFrame(CLIENT, 40_002, VIP, 80, syn));
  t.same(await controller.call('endRecording', { recording }), { ending: true });
  await pass(200);
  t.match(caller.events.slice(1), [{ records: [{ port: 40_002, open: true }] }, { end: { end: true, records: 2, lost: 0 } }]);
  await t.rejects(controller.call('endRecording', { recording }), { code: 'BadRequest', message: 'no recording 1 is running' });
  const header = JSON.stringify({ format: 'tsipvs-flows', version: 1, startedAt: '', services: ['tcp'], anonymised: false });
  const lines = caller.events.flatMap((event) => ('records' in event ? event.records.map((record: FlowRecord) => JSON.stringify(record)) : [JSON.stringify(event.end)]));
  t.equal(parseFlowRecording([header, ...lines], 'f').flows.length, 2, 'it reads back');
});

t.test('a recording ends by itself after its time or at its limit; a slow reader gets what it missed counted', async (t) => {
  const { controller, director, pass } = await world();
  const [timed, limited, slow] = [new Caller<RecordingEvent>(), new Caller<RecordingEvent>(), new Caller<RecordingEvent>()];
  await controller.handlers.record({ request: { services: [SERVICE.id] }, durationMs: 500 }, timed.session);
  await controller.handlers.record({ request: { services: [SERVICE.id], limit: 1 } }, limited.session);
  await t.rejects(controller.handlers.record({ request: { services: [SERVICE.id] } }, slow.session), { message: /2 recordings are running already/ });
  for (let n = 0; n < 3; n++) director.send(tcpFrame(CLIENT, 40_000 + n, VIP, 80, syn));
  await pass(600);
  t.match(timed.events, [{ records: [{ open: true }, { open: true }, { open: true }] }, { end: { durationMs: 500, records: 3 } }]);
  await pass(70_000);
  t.match(limited.events, [{ records: [{ port: 40_000 }] }, { end: { records: 1, lost: 2 } }]);
  slow.keepsUp = false;
  const { recording } = await controller.handlers.record({ request: { services: [SERVICE.id] } }, slow.session);
  director.send(tcpFrame(CLIENT, 40_009, VIP, 80, syn));
  await controller.call('endRecording', { recording });
  await pass(1000);
  t.same(slow.events, [], 'nothing is pushed at it');
  slow.keepsUp = true;
  await pass(1000);
  t.match(slow.events, [{ records: [{ port: 40_009 }] }, { end: { records: 1 } }]);
  await t.rejects(controller.handlers.record({ request: { services: [] } }, slow.session), { message: 'name a service to record' });
});
