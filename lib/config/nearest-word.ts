/** The word a typo probably meant. */

/** A word inside the typo counts from this length on. */
const LEAST_INSIDE = 4;

/** Of `words`, the only one that contains `text` or is contained in it, else the one with the fewest edits from it, if that is few enough to be worth saying. */
export function nearestWord(text: string, words: readonly string[]): string | null {
  const containing = words.filter((word) => word.includes(text));
  if (containing.length === 1) return containing[0]!;
  const inside = words.filter((word) => word.length >= LEAST_INSIDE && text.includes(word));
  if (inside.length === 1) return inside[0]!;
  let best: string | null = null;
  let fewest = Math.max(2, Math.ceil(text.length / 3)) + 1;
  for (const word of words) {
    const edits = editDistance(text, word);
    if (edits < fewest) {
      best = word;
      fewest = edits;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
