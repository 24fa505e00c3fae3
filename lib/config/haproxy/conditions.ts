/** .if and its kin: which lines of haproxy.cfg count (HAProxy's section 2.4, version 2.6). */

export interface ConditionWorld {
  environment(name: string): string | null;
}

/** The version whose rules are followed, and what Debian builds into it. */
const VERSION = '2.6.12';
const FEATURES = ['EPOLL', 'NETFILTER', 'PCRE2', 'PCRE2_JIT', 'POLL', 'THREAD', 'BACKTRACE', 'TPROXY', 'LINUX_TPROXY', 'LINUX_SPLICE', 'LIBCRYPT', 'CRYPT_H', 'GETADDRINFO', 'OPENSSL', 'LUA', 'ACCEPT4', 'SLZ', 'CPU_AFFINITY', 'TFO', 'NS', 'DL', 'RT', 'SYSTEMD', 'PRCTL', 'THREAD_DUMP', 'OT'];

/** Null when it cannot be parsed; what is wrong with it is in `problem`. */
export function judge(text: string, world: ConditionWorld): { readonly value: boolean } | { readonly problem: string } {
  const parser = new ConditionParser(text, world);
  const value = parser.expression();
  return parser.problem === '' && parser.atEnd() ? { value } : { problem: parser.problem === '' ? `unexpected "${parser.rest()}"` : parser.problem };
}

class ConditionParser {
  problem = '';
  readonly #text: string;
  readonly #world: ConditionWorld;
  #at = 0;
  #depth = 0;

  constructor(text: string, world: ConditionWorld) {
    this.#text = text;
    this.#world = world;
  }

  expression(): boolean {
    if (++this.#depth > 64) this.#fail('nested too deeply');
    let value = this.#all();
    while (this.problem === '' && this.#take('||')) value = this.#all() || value;
    this.#depth--;
    return value;
  }

  atEnd(): boolean {
    this.#blanks();
    return this.#at >= this.#text.length;
  }

  rest(): string {
    return this.#text.slice(this.#at, this.#at + 40);
  }

  #all(): boolean {
    let value = this.#term();
    while (this.problem === '' && this.#take('&&')) value = this.#term() && value;
    return value;
  }

  #term(): boolean {
    let negated = false;
    while (this.#take('!')) negated = !negated;
    return this.#plain() !== negated;
  }

  #plain(): boolean {
    if (this.#take('(')) {
      const value = this.expression();
      if (this.problem === '' && !this.#take(')')) this.#fail('a missing ")"');
      return value;
    }
    this.#blanks();
    const rest = this.#text.slice(this.#at);
    const number = /^-?\d+/.exec(rest)?.[0];
    if (number !== undefined) {
      this.#at += number.length;
      return Number(number) !== 0;
    }
    const [all, name = '', argumentText = ''] = /^([a-z_]+)\(([^)]*)\)/.exec(rest) ?? [];
    const predicate = all === undefined || !Object.hasOwn(PREDICATES, name) ? null : PREDICATES[name]!;
    if (predicate === null || all === undefined) return this.#fail(`unparsable condition "${rest.slice(0, 40)}"`);
    this.#at += all.length;
    return predicate(argumentText.split(',').map((one) => one.trim()), this.#world);
  }

  #take(token: string): boolean {
    this.#blanks();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #blanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #fail(problem: string): false {
    if (this.problem === '') this.problem = problem;
    this.#at = this.#text.length;
    return false;
  }
}

const PREDICATES: Readonly<Record<string, (words: readonly string[], world: ConditionWorld) => boolean>> = {
  defined: ([name = ''], world) => world.environment(name) !== null,
  feature: ([name = '']) => FEATURES.includes(name),
  streq: ([a = '', b = '']) => a === b,
  strneq: ([a = '', b = '']) => a !== b,
  version_atleast: ([version = '']) => compareVersions(VERSION, version) >= 0,
  version_before: ([version = '']) => compareVersions(VERSION, version) < 0,
  openssl_version_atleast: () => true,
  openssl_version_before: () => false,
  ssllib_name_startswith: ([name = '']) => 'OpenSSL'.startsWith(name),
};

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0)) as [number[], number[]];
  for (let n = 0; n < Math.max(left.length, right.length); n++) if ((left[n] ?? 0) !== (right[n] ?? 0)) return (left[n] ?? 0) - (right[n] ?? 0);
  return 0;
}
