/** `tsipvs status`: the running director in a few lines, or as JSON: version, devices, workers, connections, what was dropped and why. */
import type { CommandModule } from 'yargs';
import type { DaemonInfo } from '../../lib/control/api/message.ts';
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';
import type { DataplaneStats } from '../../lib/model/stats.ts';
import { withDaemon } from './daemon.ts';
import { duration } from './top-frame.ts';
import { workerRows } from './worker-rows.ts';

interface Args { json: boolean }

export const statusCommand: CommandModule<object, Args> = {
  command: 'status', describe: 'The running director: devices, workers, connections, what was dropped and why',
  builder: (yargs) => yargs.option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  handler: async ({ json }) => {
    const [info, stats] = await withDaemon((client) => Promise.all([client.call('info', {}), client.call('stats', {})]));
    process.stdout.write(json ? `${JSON.stringify({ info, stats }, null, 2)}\n` : statusText(info, stats));
  },
};

export function statusText(info: DaemonInfo, stats: DataplaneStats): string {
  const { version, pid, uptimeSec, device, interfaces, workers } = info;
  const dropped = stats.drops.flatMap((count, reason) => (count === 0 ? [] : [`  ${String(count).padStart(10)} ${DROP_REASONS[reason]?.[0] ?? reason}`]));
  return [
    `tsipvsd ${version}, pid ${pid}, up ${duration(uptimeSec)}`,
    `device ${device} on ${interfaces.join(', ') || 'no interface'}${workers === null ? '' : `; ${workersText(workers)}`}`,
    `services ${stats.services.length}, connections ${stats.connections} of ${stats.maxConnections}, templates ${stats.templates}`,
    `frames received ${stats.received}, sent ${stats.transmitted}, left to the host ${stats.passed}`,
    ...(dropped.length === 0 ? ['dropped none'] : ['dropped, by reason', ...dropped]),
    ...workerRows(stats.workers, uptimeSec).flatMap((row, i) => (i === 0 ? ['', 'since the start, on the average', row] : [row])),
    '',
  ].join('\n');
}

/** "one worker (half of 2 processors)". */
export function workersText({ count, why }: NonNullable<DaemonInfo['workers']>): string {
  return `${count === 1 ? 'one worker' : `${count} workers`} (${why})`;
}
