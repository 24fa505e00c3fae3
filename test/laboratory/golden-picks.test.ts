/**
 * The laboratory's director against the real one: the services, changes and packets of the scheduler recordings, played through the laboratory's driver
 * (direct routing, its own frames). Picks must be the kernel's.
 */
import t from 'tap';
import { join } from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { parseRules } from '../../lib/config/rules.ts';
import { LaboratoryDirector, NOBODY, serverAddress, serverNumber, VIRTUAL_ADDRESS, VIRTUAL_PORT } from '../../lib/laboratory/director.ts';
import { LABORATORY_SCHEDULERS } from '../../lib/laboratory/scheduler-choice.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';
import { goldenRoot } from '../support/golden-root.ts';
import type { GoldenCase, GoldenStep } from '../support/golden-case.ts';

const FOLDER = join(goldenRoot(), 'open', 'sched');
const LAST_SERVER = 20;
/** Steps that change or ask nothing of the laboratory's world. */
const SILENT: readonly (string | undefined)[] = ['list', 'wait'];
const PLAYED: readonly (string | undefined)[] = [...SILENT, 'add-service', 'add-dest', 'edit-dest', 'del-dest', 'connect', 'establish', 'close', 'reset'];

const cases = readdirSync(FOLDER).filter((file) => file.endsWith('.json')).map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as GoldenCase);
const playable: { readonly golden: GoldenCase; readonly commands: ReadonlyMap<GoldenStep, ControlCommand> }[] = [];
for (const golden of cases) {
  const commands = await commandsOf(golden);
  if (commands !== null) playable.push({ golden, commands });
}

t.test('the recordings that speak of one service at the laboratory\'s address are many, and of every kind of scheduler', async (t) => {
  t.ok(playable.length >= 60, `${playable.length} of ${cases.length}`);
  t.same([...new Set(playable.map(({ golden }) => golden.scheduler))].sort(), ['dh', 'fo', 'lblc', 'lblcr', 'lc', 'mh', 'nq', 'ovf', 'rr', 'sed', 'sh', 'wlc', 'wrr']);
});

for (const { golden, commands } of playable) {
  t.test(`${golden.id}: ${golden.title}`, async (t) => {
    t.same(play(golden, commands), golden.steps.filter(({ op }) => op === 'connect').map(({ pick }) => pick ?? null));
  });
}

/** Null: not one TCP or UDP service at the laboratory's address with servers at its port, or steps that its driver does not know. */
async function commandsOf({ steps, service }: GoldenCase): Promise<ReadonlyMap<GoldenStep, ControlCommand> | null> {
  if (!new RegExp(`^-[tu] ${VIRTUAL_ADDRESS}:${VIRTUAL_PORT}$`).test(service ?? '')) return null;
  const commands = new Map<GoldenStep, ControlCommand>();
  for (const step of steps) {
    if (!PLAYED.includes(step.op)) return null;
    if (step.argv === undefined || SILENT.includes(step.op)) continue;
    if (step.code !== 0) return null;
    const [command] = await parseRules(step.argv.join(' '));
    if ('destination' in command! && command.destination.port !== VIRTUAL_PORT) return null;
    commands.set(step, command!);
  }
  return commands;
}

function play(golden: GoldenCase, commands: ReadonlyMap<GoldenStep, ControlCommand>): (string | null)[] {
  const added = [...commands.values()].find(({ op }) => op === 'addService');
  if (added?.op !== 'addService') throw new Error('no service');
  const { scheduler, schedFlags, persistenceSec, persistenceMask, onePacket, id } = added.service;
  const first = serverNumber('10.1.0.1');
  const director = new LaboratoryDirector({
    scheduler, schedFlags, schedulers: LABORATORY_SCHEDULERS, protocol: id.kind === 'address' && id.protocol === 'udp' ? 'udp' : 'tcp', onePacket, persistenceSec, persistenceMask,
    timeouts: { tcp: 0, tcpFin: 0, udp: 0 }, servers: Array.from({ length: LAST_SERVER }, (_, n) => first + n), maxConnections: 4096, random: () => 0.5,
  });
  const picks: (string | null)[] = [];
  let clockMs = 0;
  for (const step of golden.steps) {
    for (; clockMs < step.t * 1000; clockMs = Math.min(step.t * 1000, clockMs + 500)) director.advance(clockMs);
    const command = commands.get(step);
    if (command !== undefined && command.op !== 'addService') {
      director.dataplane.edit('destination' in command ? { ...command, destination: { ...command.destination, method: 'route' } } : command as Parameters<typeof director.dataplane.edit>[0], clockMs);
    }
    if (step.client === undefined) continue;
    const [address, port] = clientOf(step.client);
    if (step.op === 'connect') {
      const server = director.knock(address, port, clockMs);
      picks.push(server === NOBODY ? null : `${serverAddress(server)}:${VIRTUAL_PORT}`);
    } else if (step.op === 'establish') director.packet(address, port, clockMs);
    else if (step.op === 'close') director.close(address, port, clockMs);
    else if (step.op === 'reset') director.reset(address, port, clockMs);
  }
  return picks;
}

function clientOf(text: string): [number, number] {
  const [address, port] = text.split(':') as [string, string];
  return [address.split('.').reduce((word, byte) => (word << 8) | Number(byte), 0), Number(port)];
}
