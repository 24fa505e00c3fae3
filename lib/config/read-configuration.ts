/** Any configuration file to a desired configuration. A reader never throws: what is wrong is a diagnostic, and an error refuses the file. */
import type { DesiredConfiguration } from '../model/desired-configuration.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { LvsError } from '../model/errors.ts';
import type { ConfigHost } from './config-host.ts';
import { CONFIG_FORMATS, detectFormat, type ConfigFormat } from './detect.ts';
import { readRulesConfiguration } from './ipvsadm/read-rules-configuration.ts';
import { readHaproxy } from './haproxy/read-haproxy.ts';
import { readKeepalived } from './keepalived/read-keepalived.ts';
import { readLdirectord } from './ldirectord/read-ldirectord.ts';
import { readNative } from './native/read-native.ts';
import { readPiranha } from './piranha/read-piranha.ts';

export interface ReadOptions {
  /** Null: told from content and name. */
  readonly from: ConfigFormat | null;
  /** The virtual address of haproxy listeners that name none. */
  readonly wildcardAddress: string | null;
}

/** Several paths are for haproxy, which reads them as one. LvsError BadRequest when the file cannot be read or its format cannot be told. */
export async function readConfiguration(paths: readonly string[], host: ConfigHost, { from, wildcardAddress }: ReadOptions): Promise<DesiredConfiguration> {
  const [path] = paths as readonly [string, ...string[]];
  const text = host.readFile(path);
  if (text === null) throw new LvsError('BadRequest', `${path}: no such file, or not to be read`);
  const format = from ?? detectFormat(path, text);
  if (format === null) throw new LvsError('BadRequest', `${path}: its format cannot be told: say --from ${CONFIG_FORMATS.join('|')}`);
  if (format !== 'haproxy' && paths.length > 1) throw new LvsError('BadRequest', `${paths[1]}: one file at a time (only haproxy reads several as one)`);
  switch (format) {
    case 'keepalived': return readKeepalived(path, host);
    case 'ldirectord': return readLdirectord(path, host);
    case 'piranha': return readPiranha(path, host);
    case 'haproxy': return readHaproxy(paths, host, wildcardAddress);
    case 'native': return readNative(path, host);
    case 'ipvsadm': return readRulesConfiguration(path, host);
  }
}

/** Why the file is not to be applied: errors, and with `strict` warnings too. */
export function refusals({ diagnostics }: Pick<DesiredConfiguration, 'diagnostics'>, strict: boolean): readonly Diagnostic[] {
  return diagnostics.filter(({ severity }) => severity === 'error' || (strict && severity === 'warning'));
}
