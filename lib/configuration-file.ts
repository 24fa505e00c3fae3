/**
 * The configuration that the director runs, in any format that lib/config reads: --config at the start, or what `tsipvs config apply` named. It
 * is refused as a whole when it has mistakes; its warnings go to the log.
 */
import { statSync } from 'node:fs';
import { diagnosticText } from './config/diagnostics.ts';
import { CONFIG_FORMATS, type ConfigFormat } from './config/detect.ts';
import { readConfiguration, refusals } from './config/read-configuration.ts';
import { systemHost } from './config/system-host.ts';
import type { ConfigurationSource } from './control/health-api.ts';
import type { Log } from './control/log.ts';
import type { DesiredConfiguration } from './model/desired-configuration.ts';
import { LvsError } from './model/errors.ts';

/** So many warnings are logged one by one. */
const WARNINGS_LOGGED = 20;
const WRITABLE_BY_OTHERS = 0o022;

/** LvsError BadRequest, naming file and line of the first mistake. */
export async function readConfigurationFile({ files, from, vip, configId }: ConfigurationSource, log: Pick<Log, 'warn'>): Promise<DesiredConfiguration> {
  const [path] = files;
  const configuration = await readConfiguration(files, systemHost({ configId: configId ?? null }), { from: formatOf(from), wildcardAddress: vip ?? null });
  const refused = refusals(configuration, false);
  if (refused.length > 0) throw new LvsError('BadRequest', `${diagnosticText(refused[0]!)}${refused.length === 1 ? '' : `, and ${refused.length - 1} more: see tsipvs config check ${path}`}`);
  const warnings = configuration.diagnostics.filter(({ severity }) => severity === 'warning');
  for (const warning of warnings.slice(0, WARNINGS_LOGGED)) log.warn(diagnosticText(warning));
  if (warnings.length > WARNINGS_LOGGED) log.warn(`${warnings.length - WARNINGS_LOGGED} more warnings: see tsipvs config check ${path}`);
  return configuration;
}

/** LvsError Permission where somebody but the director's user could write down what its user runs. */
export function refuseForeignPrograms(configuration: DesiredConfiguration): void {
  if (!runsPrograms(configuration)) return;
  const own = process.geteuid!();
  for (const file of configuration.files) {
    const { uid, mode } = statSync(file);
    if ((uid !== 0 && uid !== own) || (mode & WRITABLE_BY_OTHERS) !== 0) throw new LvsError('Permission', `${file} has scripts or program checks, and others than the director's user may write it: chown it to that user and chmod go-w`);
  }
}

function runsPrograms({ services, globals }: DesiredConfiguration): boolean {
  return globals.fifoScript !== null || services.some(({ policy, destinations }) => policy.quorumUp !== null || policy.quorumDown !== null
    || destinations.some(({ notifyUp, notifyDown, loadMonitor, checks }) => notifyUp !== null || notifyDown !== null || loadMonitor !== null || checks.some(({ check }) => check.kind === 'exec')));
}

function formatOf(word: string | undefined): ConfigFormat | null {
  if (word === undefined) return null;
  const format = CONFIG_FORMATS.find((one) => one === word);
  if (format === undefined) throw new LvsError('BadRequest', `no format ${word}: ${CONFIG_FORMATS.join(', ')}`);
  return format;
}
