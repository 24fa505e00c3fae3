/** A command line of a configuration file into words, as a shell would cut it: quotes and backslashes, nothing else. */

export function commandWords(command: string): string[] {
  const words: string[] = [];
  let word = '';
  let begun = false;
  let quote = '';
  for (let at = 0; at < command.length; at++) {
    const letter = command[at]!;
    if (quote !== '') {
      if (letter === quote) quote = '';
      else if (letter === '\\' && quote === '"' && '"\\$`'.includes(command[at + 1] ?? ' ')) word += command[++at];
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      begun = true;
    } else if (letter === '\\' && at + 1 < command.length) {
      word += command[++at];
      begun = true;
    } else if (/\s/.test(letter)) {
      if (begun) words.push(word);
      word = '';
      begun = false;
    } else {
      word += letter;
      begun = true;
    }
  }
  if (begun) words.push(word);
  return words;
}
