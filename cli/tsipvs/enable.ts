/** `tsipvs enable`: a drained or disabled real server serves again; --force and --automatic say who decides whether it is up. */
import type { CommandModule } from 'yargs';
import { administer, placeArguments, type PlaceArgs } from './administer.ts';

interface Args extends PlaceArgs { checks?: 'automatic' | 'up' | 'down' | undefined }

export const enableCommand: CommandModule<object, Args> = {
  command: 'enable <service> <server>', describe: 'A real server serves again, as checks and configuration say',
  builder: (yargs) => placeArguments(yargs)
    .example('tsipvs enable 192.0.2.10:80 10.0.0.1', 'after drain or disable')
    .example('tsipvs enable fwmark:7 10.0.0.1 --checks up', 'counts as up whatever its checks say; --checks automatic takes that back')
    .option('checks', { choices: ['automatic', 'up', 'down'] as const, requiresArg: true, describe: 'Count as up or down whatever its checks say, or as they say again' }),
  handler: (argv) => administer(argv, { state: 'enabled', ...(argv.checks === undefined ? {} : { checks: argv.checks }) }),
};
