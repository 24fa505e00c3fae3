import fc from 'fast-check';
import t from 'tap';
import { isMethod, parseCommand, parseParams } from '../../../lib/control/api/request.ts';
import type { ApiMethod } from '../../../lib/control/api/message.ts';
import { LvsError } from '../../../lib/model/errors.ts';

const METHODS: readonly ApiMethod[] = ['info', 'apply', 'list', 'connections', 'timeouts', 'daemons', 'sysctls', 'marks', 'stats', 'explain', 'trace', 'health', 'events', 'administer', 'shadow', 'record', 'endRecording', 'configure'];

t.test('methods are known by name, and nothing that objects inherit is one', async (t) => {
  for (const method of METHODS) t.ok(isMethod(method));
  for (const word of ['constructor', 'toString', '__proto__', '', 7, null]) t.notOk(isMethod(word));
});

t.test('addresses come out in canonical form, so that two spellings are one service', async (t) => {
  t.match(parseCommand({ op: 'deleteService', id: { kind: 'address', protocol: 'tcp', address: '2001:DB8:0:0::0010', port: 80 } }, ''), { id: { address: '2001:db8::10' } });
  t.throws(() => parseCommand({ op: 'deleteService', id: { kind: 'address', protocol: 'tcp', address: '010.1.1.1', port: 80 } }, ''), { code: 'BadRequest', message: 'id.address: "010.1.1.1" is not an IP address' });
});

t.test('optional fields may be absent, unknown ones not', async (t) => {
  t.same(parseParams('trace', { filter: {} }), { filter: {} });
  t.same(parseParams('apply', { commands: [{ op: 'marks', rules: [{ mark: 1, source: '203.0.113.0/24', destinationPorts: [80, 81] }] }] }).commands.length, 1);
  t.throws(() => parseParams('trace', { filter: { clientport: 1 } }), { code: 'BadRequest', message: 'filter.clientport: unknown field' });
  t.throws(() => parseParams('apply', { commands: [{ op: 'marks', rules: [{ mark: 1, source: '203.0.113.0/33' }] }] }), { message: 'commands[0].rules[0].source: "203.0.113.0/33" is not an address prefix' });
  t.throws(() => parseParams('info', { x: 1 }), { message: 'x: unknown field' });
  t.throws(() => parseParams('info', []), { message: 'request: must be an object' });
});

t.test('an administrator\'s request says which server, and one thing or more about it', async (t) => {
  const place = { id: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, address: '10.1.0.1', port: 80 };
  t.same(parseParams('administer', { ...place, state: 'drained' }), { ...place, state: 'drained' });
  t.same(parseParams('administer', { ...place, weight: null, checks: 'up' }), { ...place, weight: null, checks: 'up' });
  for (const [wrong, path] of [[{ ...place, state: 'up' }, 'state'], [{ ...place, weight: -1 }, 'weight'], [{ ...place, wait: 1 }, 'wait'], [{ id: place.id, port: 80 }, 'address']] as const) {
    t.throws(() => parseParams('administer', wrong), { code: 'BadRequest', message: new RegExp(`^${path}: `) });
  }
});

t.test('whatever JSON comes, the answer is a model value or a BadRequest', async (t) => {
  const commandish = fc.record({ op: fc.constantFrom('addService', 'addDestination', 'zero', 'marks', 'sysctl', 'x'), service: fc.jsonValue(), id: fc.jsonValue(), destination: fc.jsonValue(), rules: fc.jsonValue() }, { requiredKeys: ['op'] });
  const params = fc.oneof(fc.jsonValue(), fc.record({ commands: fc.array(commandish) }), fc.record({ id: fc.jsonValue() }), fc.record({ filter: fc.jsonValue() }));
  fc.assert(fc.property(fc.constantFrom(...METHODS), params, (method, value) => {
    try {
      parseParams(method, value);
      return true;
    } catch (error) {
      return error instanceof LvsError && error.code === 'BadRequest';
    }
  }), { numRuns: 1000 });
});
