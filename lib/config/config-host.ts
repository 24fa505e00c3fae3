/**
 * What a configuration reader asks of the machine it reads for. Injected, so that readers are pure: the same text and the same
 * answers give the same configuration. Everything is optional to know; a host that knows nothing still reads every file.
 */

export interface ConfigHost {
  /** Text of a file, or null when it cannot be read. */
  readFile(path: string): string | null;
  /** Paths that a pattern names, sorted; a plain path that exists names itself. */
  glob(pattern: string): readonly string[];
  /** Whether a command can be run; null = not known, which counts as yes. */
  isExecutable(path: string): boolean | null;
  /** Whether the machine has this user; null = not known, which counts as yes. */
  hasUser(name: string): boolean | null;
  /** Whether the machine has this group; null = not known, which counts as yes. */
  hasGroup(name: string): boolean | null;
  /** Whether the machine has this interface; null = not known, which counts as yes. */
  hasInterface(name: string): boolean | null;
  /** Address of a host name, or null. */
  addressOf(name: string, family: 4 | 6): string | null;
  /** Port of a service name, or null. */
  portOf(service: string, protocol: 'tcp' | 'udp'): number | null;
  /** keepalived's -i, else the host name: what @NAME lines are for. */
  readonly configId: string;
  /** keepalived's instance name (${_INSTANCE}), empty without. */
  readonly instance: string;
  /** Absolute, for ${_PWD} of a file that is named relatively. */
  readonly workingDirectory: string;
  /** A variable of the process's environment, or null. */
  environment(name: string): string | null;
  /** Seconds since 1970: what keepalived seeds the numbers of ${_RANDOM} with. */
  readonly startedSec: number;
}

/** Knows only the files it is given. */
export function memoryHost(files: Readonly<Record<string, string>>, changes: Partial<ConfigHost> = {}): ConfigHost {
  return {
    readFile: (path) => files[path] ?? null,
    glob: (pattern) => matching(Object.keys(files), pattern),
    isExecutable: () => null, hasUser: () => null, hasGroup: () => null, hasInterface: () => null,
    addressOf: () => null, portOf: () => null,
    configId: '', instance: '', workingDirectory: '/', environment: () => null, startedSec: 0,
    ...changes,
  };
}

/** Those of `paths` that a shell pattern (*, ?, [..], {a,b}) names, sorted. */
export function matching(paths: readonly string[], pattern: string): string[] {
  const expressions = braceAlternatives(pattern).map(patternExpression);
  return paths.filter((path) => expressions.some((expression) => expression.test(path))).sort();
}

function patternExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replace(/\\/g, '\\\\');
    return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /$^/;
  }
}

/** {a,b} groups of one pattern, and words in one group. */
const MAX_BRACES = 6;
const MAX_ALTERNATIVES = 8;

function braceAlternatives(pattern: string, depth = 0): string[] {
  const braces = /\{([^{}]*,[^{}]*)\}/.exec(pattern);
  if (braces === null) return [pattern];
  const before = pattern.slice(0, braces.index);
  const after = pattern.slice(braces.index + braces[0].length);
  return braces[1]!.split(',').slice(0, MAX_ALTERNATIVES).flatMap((word) => (depth > MAX_BRACES ? [] : braceAlternatives(`${before}${word}${after}`, depth + 1)));
}
