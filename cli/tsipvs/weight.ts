/** `tsipvs weight`: another weight for a real server, over checks and reloads, or the configured one again. */
import type { CommandModule } from 'yargs';
import { LvsError } from '../../lib/model/errors.ts';
import { administer, placeArguments, type PlaceArgs } from './administer.ts';

const MAX_WEIGHT = 0x7fffffff;

interface Args extends PlaceArgs { weight: string }

export const weightCommand: CommandModule<object, Args> = {
  command: 'weight <service> <server> <weight>', describe: 'Another weight for a real server, over checks and reloads',
  builder: (yargs) => placeArguments(yargs)
    .example('tsipvs weight 192.0.2.10:80 10.0.0.1 5', '')
    .example('tsipvs weight 192.0.2.10:80 10.0.0.1 configured', 'as the configuration says again')
    .positional('weight', { type: 'string', demandOption: true, describe: 'A number, or "configured" for the configured weight again' }),
  handler: (argv) => administer(argv, { weight: parseWeight(argv.weight) }),
};

export function parseWeight(text: string): number | null {
  if (text === 'configured') return null;
  if (!/^\d{1,10}$/.test(text) || Number(text) > MAX_WEIGHT) throw new LvsError('BadRequest', `weight ${text} is not 0 to ${MAX_WEIGHT}, or "configured"`);
  return Number(text);
}
