/** `tsipvs health`: services, real servers, checks, quorum arithmetic, last results; once, or again at every event. */
import type { CommandModule } from 'yargs';
import { LvsError } from '../../lib/model/errors.ts';
import type { HealthReport } from '../../lib/model/health-state.ts';
import { connectToDaemon } from './daemon.ts';
import { healthText } from './health-text.ts';

interface Args { json: boolean; follow: boolean; results: boolean }

export const healthCommand: CommandModule<object, Args> = {
  command: 'health', describe: 'Services, real servers, checks, quorum and the last results',
  builder: (yargs) => yargs
    .example('tsipvs health', 'now')
    .example('tsipvs health --follow --results', 'again at every change, with the last results of each check')
    .example("tsipvs health --json | jq '.services[].arithmetic'", '"live weight 3 >= quorum 2: up"')
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
    .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Print again whenever something changes, until Ctrl-C' })
    .option('results', { type: 'boolean', default: false, describe: 'Show the kept results of each check too' }),
  handler: async ({ json, follow, results }) => {
    const client = await connectToDaemon();
    const show = async (again: boolean): Promise<void> => {
      const text = render(await client.call('health', {}), json, results);
      process.stdout.write(again && !json ? `\n--- ${new Date().toISOString()}\n${text}` : text);
    };
    try {
      await show(false);
      if (!follow) return;
      await new Promise<void>((resolve, reject) => {
        process.once('SIGINT', () => resolve());
        // Showings follow each other, and events meanwhile make one more.
        let showing: Promise<void> | null = null;
        let again = false;
        const wanted = (): void => {
          if (showing !== null) {
            again = true;
            return;
          }
          showing = show(true).catch(reject).then(() => {
            showing = null;
            if (again) wanted();
            again = false;
          });
        };
        client.follow(wanted, () => reject(new LvsError('NotRunning', 'the director ended'))).catch(reject);
      });
    } finally {
      client.close();
    }
  },
};

function render(report: HealthReport, json: boolean, results: boolean): string {
  return json ? `${JSON.stringify(report)}\n` : healthText(report, results);
}
