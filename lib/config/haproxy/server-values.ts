/** What HAProxy refuses about the value of a server parameter. */
import { timeSec } from './lines.ts';

const MOST_WEIGHT = 256;
const TIMES = ['inter', 'fastinter', 'downinter', 'slowstart', 'agent-inter', 'tcp-ut', 'pool-purge-delay'];
const WORDS: Readonly<Record<string, readonly string[]>> = {
  'on-error': ['fastinter', 'fail-check', 'sudden-death', 'mark-down'], 'on-marked-down': ['shutdown-sessions'], 'on-marked-up': ['shutdown-backup-sessions'], observe: ['none', 'layer4', 'layer7'],
};

/** `value` null: the parameter takes none. Null: nothing to complain about. */
export function valueComplaint(word: string, value: string | null): string | null {
  if (value === null) return null;
  if (value === '') return 'needs a value';
  // NB: HAProxy takes what is no number for 0.
  const number = Number(/^\s*[-+]?\d+/.exec(value)?.[0] ?? 0);
  if (word === 'weight') return number < 0 || number > MOST_WEIGHT ? `${value} is outside [0, ${MOST_WEIGHT}]` : null;
  if (word === 'rise' || word === 'fall' || word === 'id') return number > 0 ? null : 'has to be above 0';
  if (word === 'addr') return /^(\d{1,3}\.){3}\d{1,3}$|:|^[A-Za-z][\w.-]*$/.test(value) ? null : `"${value}" is no address`;
  if (TIMES.includes(word)) {
    const seconds = timeSec(value);
    return seconds === null ? `"${value}" is no time` : seconds === 0 && word !== 'slowstart' && word !== 'tcp-ut' && word !== 'pool-purge-delay' ? 'has to be above 0' : null;
  }
  if (word === 'init-addr') return value.split(',').every((one) => ['last', 'libc', 'none'].includes(one) || /^[\d.]+$|:/.test(one)) ? null : `"${value}" is made of last, libc, none and addresses`;
  return Object.hasOwn(WORDS, word) && !WORDS[word]!.includes(value) ? `is one of ${WORDS[word]!.join(', ')}, not "${value}"` : null;
}
