/**
 * `tsipvs top`: a table of services, real servers, connections and rates that refreshes until q or Ctrl-C. Plain escape codes on the
 * terminal's alternate screen; however it ends, the terminal is as it was. Rates are the kernel's estimators, as in `tsipvsadm -L --rate`.
 */
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { connectToDaemon } from './daemon.ts';
import { topFrame, type TopPicture } from './top-frame.ts';

const ESCAPE = '\x1b[';
const ENTER = `${ESCAPE}?1049h${ESCAPE}?25l`;
const LEAVE = `${ESCAPE}?25h${ESCAPE}?1049l`;
const HOME = `${ESCAPE}H`;
const CLEAR_LINE = `${ESCAPE}K`;
const CLEAR_BELOW = `${ESCAPE}J`;
const QUIT_KEYS = ['q', 'Q', '\x03', '\x04'];

interface Args { interval: number; once: boolean; json: boolean }

export const topCommand: CommandModule<object, Args> = {
  command: 'top', describe: 'Services, real servers, connections and rates; q ends it',
  builder: (yargs) => yargs
    .option('interval', { alias: 'd', type: 'number', default: 2, requiresArg: true, describe: 'Seconds between refreshes' })
    .option('once', { type: 'boolean', default: false, describe: 'Print one picture and end' })
    .option('json', { type: 'boolean', default: false, describe: 'Print one picture as JSON and end' }),
  handler: async ({ interval, once, json }) => {
    if (!(interval >= 0.1 && interval <= 3600)) throw new LvsError('BadRequest', `--interval takes 0.1 to 3600 seconds, not ${interval}`);
    const client = await connectToDaemon();
    try {
      if (json) process.stdout.write(`${JSON.stringify(await takePicture(client), null, 2)}\n`);
      else if (once || !process.stdout.isTTY) process.stdout.write(`${topFrame(await takePicture(client), { columns: process.stdout.columns ?? 200, rows: Infinity }).join('\n')}\n`);
      else await refresh(client, interval * 1000, process.stdin, process.stdout);
    } finally {
      client.close();
    }
  },
};

export async function takePicture(client: Pick<ApiClient, 'call'>, time = new Date().toTimeString().slice(0, 8)): Promise<TopPicture> {
  const [info, stats, { services }] = await Promise.all([client.call('info', {}), client.call('stats', {}), client.call('list', {})]);
  return { info, stats, services, time, atMs: performance.now() };
}

/** Draws until a quit key, a signal, or an error, which is thrown after the terminal is restored. */
export async function refresh(client: Pick<ApiClient, 'call'>, intervalMs: number, input: NodeJS.ReadStream, output: NodeJS.WriteStream): Promise<void> {
  const stop = new AbortController();
  let wake = (): void => {};
  const onKey = (keys: Buffer): void => { if (QUIT_KEYS.some((key) => keys.includes(key))) quit(); else wake(); };
  const onResize = (): void => wake();
  const quit = (): void => {
    stop.abort();
    wake();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, quit);
  let before: TopPicture | null = null;
  output.write(ENTER);
  input.setRawMode?.(true);
  input.on('data', onKey).resume();
  output.on('resize', onResize);
  try {
    while (!stop.signal.aborted) {
      const picture = await takePicture(client);
      const lines = topFrame(picture, { columns: output.columns, rows: output.rows }, before);
      before = picture;
      if (stop.signal.aborted) break;
      output.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join('')}${CLEAR_BELOW}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    input.off('data', onKey).pause();
    input.setRawMode?.(false);
    output.off('resize', onResize);
    for (const signal of signals) process.off(signal, quit);
    output.write(LEAVE);
  }
}
