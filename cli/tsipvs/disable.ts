/** `tsipvs disable`: a real server leaves the table at once and stays out, whatever its checks say, until it is enabled. */
import type { CommandModule } from 'yargs';
import { administer, placeArguments, type PlaceArgs } from './administer.ts';

export const disableCommand: CommandModule<object, PlaceArgs> = {
  command: 'disable <service> <server>', describe: 'Take a real server out, whatever checks say, until it is enabled (to let connections end first: drain)',
  builder: (yargs) => placeArguments(yargs)
    .example('tsipvs disable 192.0.2.10:80 10.0.0.1:8080', 'out of the table until tsipvs enable'),
  handler: (argv) => administer(argv, { state: 'disabled' }),
};
