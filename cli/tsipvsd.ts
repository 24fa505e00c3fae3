#!/usr/bin/env node
/** The director daemon: options, signals, exit status. Refusals are one line on stderr; 2 for wrong usage, 1 for everything else. */
import { Log } from '../lib/control/log.ts';
import { Daemon } from '../lib/daemon.ts';
import { packageVersion } from '../lib/package-version.ts';
import { notifyServiceManager } from '../lib/service-manager.ts';
import { parseDaemonOptions, UsageError, type DaemonCommandLine } from './tsipvsd-options.ts';

// A reader of our output that went away must not end the director.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
process.exit();

async function main(argv: readonly string[]): Promise<number> {
  let options: DaemonCommandLine | null;
  try {
    options = await parseDaemonOptions(argv, process.env, packageVersion());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`tsipvsd: ${error.message}\n`);
    return 2;
  }
  return options === null ? 0 : run(options);
}

async function run(options: DaemonCommandLine): Promise<number> {
  const log = new Log({ level: options.logLevel, json: options.jsonLogs, write: (line) => process.stderr.write(line), now: () => new Date() });
  let end: (status: number) => void = () => {};
  const ended = new Promise<number>((resolve) => (end = resolve));
  // From here on a signal is an orderly end, also while starting.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.debug(`${signal}: ending`);
      end(0);
    });
  }
  let daemon: Daemon | null = null;
  process.on('SIGHUP', () => void daemon?.reload());
  try {
    daemon = await Daemon.start({
      ...options, log,
      onFailure: (reason) => {
        log.error(`the data plane failed, ending: ${reason}`);
        end(1);
      },
    });
    process.stdout.write(`tsipvsd ${packageVersion()} ready: ${daemon.describe()}\n`);
    notify('READY=1', log);
    const status = await ended;
    notify('STOPPING=1', log);
    await daemon.stop();
    return status;
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function notify(state: 'READY=1' | 'STOPPING=1', log: Log): void {
  const problem = notifyServiceManager(process.env['NOTIFY_SOCKET'], state);
  if (problem !== null) log.warn(problem);
}
