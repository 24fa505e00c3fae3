/** `tsipvs events`: what happens to services and real servers, a line each, until Ctrl-C. */
import type { CommandModule } from 'yargs';
import { LvsError } from '../../lib/model/errors.ts';
import { connectToDaemon } from './daemon.ts';
import { eventText } from './event-text.ts';

interface Args { json: boolean; limit?: number | undefined }

export const eventsCommand: CommandModule<object, Args> = {
  command: 'events', describe: 'What happens to services and real servers, live, until Ctrl-C',
  builder: (yargs) => yargs
    .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line' })
    .example('tsipvs events', '2026-01-31T08:15:02.118Z server  [192.0.2.10]:tcp:80 [10.0.0.1]:tcp:80 DOWN: connection refused')
    .example("tsipvs events --json | jq -c 'select(.kind==\"server\")'", 'one object a line: timeMs, kind, service, server, state, message')
    .option('limit', { type: 'number', requiresArg: true, describe: 'End after so many' }),
  handler: async ({ json, limit }) => {
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) throw new LvsError('BadRequest', `--limit ${limit} is not a number above 0`);
    const client = await connectToDaemon();
    await new Promise<void>((resolve, reject) => {
      let left = limit ?? Infinity;
      process.once('SIGINT', () => resolve());
      client.follow((event) => {
        if (left <= 0) return;
        process.stdout.write(eventText(event, json));
        if (--left <= 0) resolve();
      }, () => (left <= 0 ? resolve() : reject(new LvsError('NotRunning', 'the director ended')))).catch(reject);
    }).finally(() => client.close());
  },
};
