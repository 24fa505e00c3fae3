/** `tsipvs events`: what happens to services and real servers, a line each, until Ctrl-C. */
import type { CommandModule } from 'yargs';
import { LvsError } from '../../lib/model/errors.ts';
import type { HealthEvent } from '../../lib/model/health-state.ts';
import { connectToDaemon } from './daemon.ts';

interface Args { json: boolean; limit?: number | undefined }

export const eventsCommand: CommandModule<object, Args> = {
  command: 'events', describe: 'What happens to services and real servers, live, until Ctrl-C',
  builder: (yargs) => yargs
    .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line' })
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

export function eventText(event: HealthEvent, json: boolean): string {
  if (json) return `${JSON.stringify(event)}\n`;
  const place = [event.service, event.server].filter((part) => part !== null && part !== '').join(' ');
  return `${new Date(event.timeMs).toISOString()} ${event.kind.padEnd(7)} ${[place, event.state?.toUpperCase()].filter(Boolean).join(' ')}${place === '' ? '' : ': '}${event.message}\n`;
}
