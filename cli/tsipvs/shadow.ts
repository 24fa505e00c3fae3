/** `tsipvs shadow`: another scheduler beside the live one, which chooses for the same flows without acting; how its choices differ, and what they would mean. */
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { ShadowReport } from '../../lib/model/shadow-report.ts';
import type { ServiceId } from '../../lib/model/virtual-service.ts';
import { SCHEDULER_NAMES, schedulerFlagNames } from '../../lib/schedulers/names.ts';
import { connectToDaemon } from './daemon.ts';
import { parseDuration } from './drain.ts';
import { findService, SERVICE_HELP } from './place.ts';
import { shadowText } from './shadow-text.ts';

const REDRAW_MS = 1000;

interface Args { service: string; scheduler: string; flags?: string | undefined; duration?: string | undefined; json: boolean }

export const shadowCommand: CommandModule<object, Args> = {
  command: 'shadow', describe: 'Another scheduler beside the live one, without acting: how its choices would differ',
  builder: (yargs) => yargs
    .option('service', { alias: 's', type: 'string', requiresArg: true, demandOption: true, describe: SERVICE_HELP })
    .option('scheduler', { choices: SCHEDULER_NAMES, requiresArg: true, demandOption: true, describe: 'The one to try' })
    .option('flags', { alias: 'b', type: 'string', requiresArg: true, describe: 'Its flags, for example mh-fallback,mh-port' })
    .option('duration', { type: 'string', requiresArg: true, describe: 'End after this long, for example 60s, 5m; else at Ctrl-C' })
    .option('json', { type: 'boolean', default: false, describe: 'A JSON object a second, the last one with "ended"' }) as never,
  handler: async ({ service, scheduler, flags, duration, json }) => {
    const durationMs = duration === undefined ? undefined : parseDuration(duration);
    const schedFlags = parseFlags(scheduler, flags);
    const client = await connectToDaemon();
    const live = process.stdout.isTTY && !json;
    let drawn = 0;
    const draw = (report: ShadowReport): void => {
      if (json) return void process.stdout.write(`${JSON.stringify(report)}\n`);
      if (!live) return;
      // A line that wraps would be two to go back over.
      const lines = shadowText(report).split('\n').map((line) => line.slice(0, (process.stdout.columns || 200) - 1));
      process.stdout.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ''}${lines.join('\n')}`);
      drawn = lines.length - 1;
    };
    try {
      const last = await shadow(client, { service: await findService(client, service), scheduler, schedFlags, durationMs }, draw, (stop) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
      });
      if (last !== null && !json && !live) process.stdout.write(shadowText(last));
      if (last?.ended === 'deleted') process.stderr.write('the service was deleted\n');
    } finally {
      client.close();
    }
  },
};

export interface ShadowOptions { readonly service: ServiceId; readonly scheduler: string; readonly schedFlags: number; readonly durationMs?: number | undefined }

/** Resolves with the last report: the director's, or at `stop` the latest one, null when there was none yet. */
export async function shadow(client: Pick<ApiClient, 'stream'>, { service, scheduler, schedFlags, durationMs }: ShadowOptions, onReport: (report: ShadowReport) => void, onStart: (stop: () => void) => void): Promise<ShadowReport | null> {
  let latest: ShadowReport | null = null;
  let ended!: { resolve: (report: ShadowReport | null) => void; reject: (error: Error) => void };
  const end = new Promise<ShadowReport | null>((resolve, reject) => (ended = { resolve, reject }));
  // It may fail before anybody waits for it.
  end.catch(() => {});
  await client.stream('shadow', { request: { service, scheduler, schedFlags }, intervalMs: REDRAW_MS, ...(durationMs === undefined ? {} : { durationMs }) }, (report) => {
    latest = report;
    onReport(report);
    if (report.ended !== null) ended.resolve(report);
  }, () => ended.reject(new LvsError('NotRunning', 'the director ended')));
  onStart(() => ended.resolve(latest));
  return end;
}

/** "mh-port,mh-fallback" as bits. */
export function parseFlags(scheduler: string, text = ''): number {
  const known = schedulerFlagNames(scheduler);
  let bits = 0;
  for (const word of text.split(',').filter((each) => each !== '')) {
    const flag = known.find(({ name }) => name === word);
    if (flag === undefined) throw new LvsError('BadRequest', `${scheduler} has no flag ${word}: ${known.length === 0 ? 'it has none' : `one of ${known.map(({ name }) => name).join(', ')}`}`);
    bits |= flag.bit;
  }
  return bits;
}
