/** The commands that take a service and a real server and change what the administrator wants of it. */
import type { Argv } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import type { AdminState } from '../../lib/model/health-state.ts';
import { findPlace, SERVER_HELP, SERVICE_HELP, type Place } from './place.ts';
import { withDaemon } from './daemon.ts';

export interface PlaceArgs { service: string; server: string; json: boolean }

export interface AdminChange { readonly state?: AdminState['state']; readonly weight?: number | null; readonly checks?: AdminState['checks'] }

export function placeArguments<Args>(yargs: Argv<Args>): Argv<Args & { service: string; server: string; json: boolean }> {
  return yargs
    .positional('service', { type: 'string', demandOption: true, describe: `${SERVICE_HELP}, or its name in the configuration` })
    .positional('server', { type: 'string', demandOption: true, describe: SERVER_HELP })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
    .parserConfiguration({ 'parse-positional-numbers': false }) as unknown as Argv<Args & { service: string; server: string; json: boolean }>;
}

/** Make the change and say what holds now. */
export async function administer(args: PlaceArgs, change: AdminChange): Promise<void> {
  process.stdout.write(await withDaemon((client) => administered(client, args, change)));
}

export async function administered(client: Pick<ApiClient, 'call'>, { service, server, json }: PlaceArgs, change: AdminChange): Promise<string> {
  const place = await findPlace(client, service, server);
  const state = await client.call('administer', { ...place, ...change });
  return json ? `${JSON.stringify({ ...place, ...state })}\n` : `${placeText(place)}: ${stateText(state)}\n`;
}

export function placeText({ address, port }: Place): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function stateText({ state, weight, checks }: AdminState): string {
  return [state, ...(weight === null ? [] : [`weight ${weight}`]), ...(checks === 'automatic' ? [] : [`forced ${checks}`])].join(', ');
}
