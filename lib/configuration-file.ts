/** The --config file, in any format that lib/config reads: refused as a whole when it has mistakes, its warnings in the log. */
import { diagnosticText } from './config/diagnostics.ts';
import { readConfiguration, refusals } from './config/read-configuration.ts';
import { systemHost } from './config/system-host.ts';
import type { Log } from './control/log.ts';
import type { DesiredConfiguration } from './model/desired-configuration.ts';
import { LvsError } from './model/errors.ts';

/** So many warnings are logged one by one. */
const WARNINGS_LOGGED = 20;

/** LvsError BadRequest, naming file and line of the first mistake. */
export async function readConfigurationFile(path: string, log: Pick<Log, 'warn'>): Promise<DesiredConfiguration> {
  const configuration = await readConfiguration([path], systemHost(), { from: null, wildcardAddress: null });
  const refused = refusals(configuration, false);
  if (refused.length > 0) throw new LvsError('BadRequest', `${diagnosticText(refused[0]!)}${refused.length === 1 ? '' : `, and ${refused.length - 1} more: see tsipvs config check ${path}`}`);
  const warnings = configuration.diagnostics.filter(({ severity }) => severity === 'warning');
  for (const warning of warnings.slice(0, WARNINGS_LOGGED)) log.warn(diagnosticText(warning));
  if (warnings.length > WARNINGS_LOGGED) log.warn(`${warnings.length - WARNINGS_LOGGED} more warnings: see tsipvs config check ${path}`);
  return configuration;
}
