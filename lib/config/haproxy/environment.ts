/** Environment variables as a haproxy.cfg sees them: the process's, changed by setenv and its kin in global. */
import type { ConfigHost } from '../config-host.ts';

export class Environment {
  readonly #host: ConfigHost;
  readonly #changed = new Map<string, string | null>();
  #reset = false;

  constructor(host: ConfigHost) {
    this.#host = host;
  }

  get(name: string): string | null {
    const own = this.#changed.get(name);
    return own !== undefined ? own : this.#reset ? null : this.#host.environment(name);
  }

  /** A global line; whether it was one about variables. */
  change([word, ...rest]: readonly string[]): boolean {
    const [name = '', value = ''] = rest;
    if (word === 'setenv') this.#changed.set(name, value);
    else if (word === 'presetenv') { if (this.get(name) === null) this.#changed.set(name, value); }
    else if (word === 'unsetenv') for (const one of rest) this.#changed.set(one, null);
    else if (word === 'resetenv') {
      const kept = rest.map((one) => [one, this.get(one)] as const);
      this.#changed.clear();
      this.#reset = true;
      for (const [one, was] of kept) this.#changed.set(one, was);
    } else return false;
    return true;
  }
}
