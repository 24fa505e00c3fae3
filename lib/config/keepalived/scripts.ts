/** Who scripts run as: script_user, enable_script_security, and the user that keepalived prefers when nothing is said. */
import type { Script } from '../../model/desired-configuration.ts';
import type { ConfigHost } from '../config-host.ts';
import { commandWords } from './text.ts';

const PREFERRED_USER = 'keepalived_script';

export class ScriptRules {
  /** script_user, if given. Null when given but not known to the machine. */
  user: string | null | undefined = undefined;
  security = false;
  readonly #host: ConfigHost;

  constructor(host: ConfigHost) {
    this.#host = host;
  }

  /** Whether the program of a command line is known not to be there. */
  missing(command: string): boolean {
    return this.#host.isExecutable(programOf(command)) === false;
  }

  /** Whether it is known to be there. */
  present(command: string): boolean {
    return this.#host.isExecutable(programOf(command)) === true;
  }

  usable(user: string, group?: string): boolean {
    return this.#host.hasUser(user) !== false && (group === undefined || this.#host.hasGroup(group) !== false);
  }

  /** Why keepalived would not keep a script to run at changes; null: it does. */
  refusal({ command, user, group }: Script): string | null {
    if (user !== undefined && !this.usable(user, group)) return `no user "${user}"${group === undefined ? '' : ` or group "${group}"`} to run "${command}" as`;
    if (user === undefined && !this.defaultUsable()) return `no user to run "${command}" as: script_user is not known here`;
    return this.missing(command) ? `no program "${command}" to run` : null;
  }

  /** Whether a script without a user of its own has one to run as: root serves unless security is asked for. */
  defaultUsable(): boolean {
    if (this.user === null) return false;
    return this.user !== undefined || !this.security || this.#host.hasUser(PREFERRED_USER) !== false;
  }
}

function programOf(command: string): string {
  return commandWords(command)[0] ?? '';
}
