/** What include and its strict forms do when there is nothing to include. */
import { dirname, join } from 'node:path';
import type { ConfigHost } from '../config-host.ts';

/**
 * What include insists on: readable (what matches is a file to be read), match (a name without wildcards has a file), wildcard_match (one with wildcards,
 * too), brace_match (each word in braces has).
 */
const CHECKS = ['readable', 'match', 'wildcard_match', 'brace_match'] as const;
export type IncludeCheck = (typeof CHECKS)[number];
/** Each form adds to what include_check says. */
export const INCLUDES: Readonly<Record<string, readonly IncludeCheck[]>> = {
  include: [], includer: ['readable'], includem: ['readable', 'match'], includew: ['readable', 'match', 'wildcard_match'], includeb: ['readable', 'brace_match'], includea: CHECKS,
};

/** Words that stand for others are followed only so deep. */
const MAX_BRACES = 4;
const MAX_ALTERNATIVES = 8;

/** include_check with its options: "+name" adds to what counts, "-name" takes away, a plain name begins anew, none is all. Null when a name is not known. */
export function changedChecks(before: ReadonlySet<IncludeCheck>, options: readonly string[]): ReadonlySet<IncludeCheck> | null {
  if (options.length === 0) return new Set(CHECKS);
  const chosen = new Set(/^[-+]/.test(options[0]!) ? before : []);
  let adding = true;
  for (const option of options) {
    if (/^[-+]/.test(option)) adding = option.startsWith('+');
    const name = CHECKS.find((one) => one === option.replace(/^[-+]/, ''));
    if (name === undefined) return null;
    if (adding) chosen.add(name).add('readable');
    else chosen.delete(name);
  }
  return chosen;
}

/** What a pattern that matched `paths` lacks, and which check minds it; null when nothing is missing. */
export function absentInclude(full: string, paths: readonly string[], host: ConfigHost): { readonly check: IncludeCheck; readonly name: string } | null {
  const absent = /\{/.test(full) ? braceWords(full).find((one) => !/[*?[]/.test(one) && host.glob(one).length === 0) : undefined;
  if (absent !== undefined) return { check: 'brace_match', name: absent };
  if (paths.length > 0) return null;
  return { check: isWildcard(full, host) ? 'wildcard_match' : 'match', name: full };
}

/** In a folder that is not there wildcards are a name like any other. */
function isWildcard(full: string, host: ConfigHost): boolean {
  const folder = dirname(full);
  return /[*?[{]/.test(folder) || (/[*?[{]/.test(full) && (host.glob(folder).length > 0 || host.glob(join(folder, '*')).length > 0));
}

/** Every name that the {a,b} groups of a pattern stand for. */
function braceWords(pattern: string, depth = 0): string[] {
  const braces = depth >= MAX_BRACES ? null : /\{([^{}]*,[^{}]*)\}/.exec(pattern);
  if (braces === null) return [pattern];
  const [before, after] = [pattern.slice(0, braces.index), pattern.slice(braces.index + braces[0].length)];
  return braces[1]!.split(',').slice(0, MAX_ALTERNATIVES).flatMap((word) => braceWords(before + word + after, depth + 1));
}
