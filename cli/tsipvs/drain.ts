/**
 * `tsipvs drain`: weight 0 at once, over checks and reloads, then wait for the last connection and say what still holds the server:
 * connections with their state, age, idle time and what is left to them, and persistence templates. With --deadline the wait ends unsuccessfully.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import { protocolName } from '../../lib/model/protocol.ts';
import { serviceKey } from '../../lib/model/virtual-service.ts';
import { administered, placeArguments, placeText, type PlaceArgs } from './administer.ts';
import { withDaemon } from './daemon.ts';
import { findPlace, type Place } from './place.ts';

const LOOK_EVERY_MS = 1000;
/** Of connections that hold the server, this many are shown. */
const SHOWN = 10;

interface Args extends PlaceArgs { deadline?: string | undefined; wait: boolean }

export const drainCommand: CommandModule<object, Args> = {
  command: 'drain <service> <server>', describe: 'No new connections to a real server; wait for the last one and say what holds it',
  builder: (yargs) => placeArguments(yargs)
    .example('tsipvs drain 192.0.2.10:80 10.0.0.1:8080', 'weight 0, then wait for the last connection')
    .example('tsipvs drain tcp:192.0.2.10:80 10.0.0.1 --deadline 5m', 'exit status 1 if something still holds it then, and what')
    .option('deadline', { type: 'string', requiresArg: true, describe: 'Give up waiting after this long, for example 30s, 5m, 1h (it stays drained)' })
    .option('wait', { type: 'boolean', default: true, describe: '--no-wait: say what holds it now, and end' }),
  handler: async (argv) => {
    const deadlineMs = argv.deadline === undefined ? Infinity : parseDuration(argv.deadline);
    await withDaemon(async (client) => {
      const said = await administered(client, argv, { state: 'drained' });
      if (!argv.json) process.stdout.write(said);
      const place = await findPlace(client, argv.service, argv.server);
      const started = performance.now();
      let held = await holders(client, place);
      for (let last = -1; argv.wait && held.length > 0 && performance.now() - started < deadlineMs; held = await holders(client, place)) {
        if (!argv.json && held.length !== last) process.stdout.write(`${placeText(place)}: ${countText(held)}\n`);
        last = held.length;
        await delay(Math.min(LOOK_EVERY_MS, deadlineMs));
      }
      process.stdout.write(drainText(place, held, argv.json));
      if (held.length > 0 && argv.wait) process.exitCode = 1;
    });
  },
};

/** Entries of the connection table that belong to this server of this service. */
export async function holders(client: Pick<ApiClient, 'call'>, { id, address, port }: Place): Promise<ConnectionRecord[]> {
  const { connections } = await client.call('connections', {});
  return connections.filter((one) => one.destination === address && (port === 0 || one.destinationPort === port || one.destinationPort === 0)
    && (id.kind === 'fwmark' || (one.virtual === id.address && (protocolName(one.protocol) === id.protocol || one.template) && (one.virtualPort === id.port || id.port === 0 || one.virtualPort === 0))));
}

export function drainText(place: Place, held: readonly ConnectionRecord[], json: boolean): string {
  if (json) return `${JSON.stringify({ service: serviceKey(place.id), address: place.address, port: place.port, drained: held.length === 0, connections: held })}\n`;
  if (held.length === 0) return `${placeText(place)}: drained, no connection is left\n`;
  // The oldest hold it longest.
  const shown = held.toSorted((a, b) => (b.ageSec ?? 0) - (a.ageSec ?? 0)).slice(0, SHOWN);
  const rows = [['STATE', 'CLIENT', 'AGE', 'IDLE', 'ENDS IN'], ...shown.map((one) => [
    one.template ? 'persistence template' : one.state, one.template ? one.client : `${one.client.includes(':') ? `[${one.client}]` : one.client}:${one.clientPort}`,
    secondsText(one.ageSec), secondsText(one.idleSec), secondsText(one.expiresSec),
  ])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => `  ${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}`);
  if (held.length > SHOWN) lines.push(`  and ${held.length - SHOWN} more`);
  return [`${placeText(place)}: drained, still held by ${countText(held)}`, ...lines, ''].join('\n');
}

function secondsText(seconds: number | undefined): string {
  return seconds === undefined ? '-' : `${seconds} s`;
}

function countText(held: readonly ConnectionRecord[]): string {
  const templates = held.filter(({ template }) => template).length;
  const count = held.length - templates;
  return `${count} ${count === 1 ? 'connection' : 'connections'}, ${templates} ${templates === 1 ? 'persistence template' : 'persistence templates'}`;
}

const UNITS_MS: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 };

export function parseDuration(text: string): number {
  const match = /^(\d{1,7}(?:\.\d+)?)([smh]?)$/.exec(text);
  if (match === null) throw new LvsError('BadRequest', `"${text}" is not a time: for example 30s, 5m, 1h`);
  return Number(match[1]) * UNITS_MS[match[2]!]!;
}
