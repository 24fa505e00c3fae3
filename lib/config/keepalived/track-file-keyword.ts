/** track_file: a file whose number takes a server out or changes its weight. */
import type { Diagnostics } from '../diagnostics.ts';
import type { Keyword } from './block-parser.ts';
import type { TrackFile } from './draft.ts';
import type { Values } from './values.ts';

const INT32_LEAST = -2_147_483_648;
const INT32_MOST = 2_147_483_647;

export function trackFileKeyword(trackFiles: Map<string, TrackFile>, diagnostics: Diagnostics, values: Values): Keyword {
  let name: string | null = null;
  let file: { -readonly [K in keyof TrackFile]: TrackFile[K] };
  return {
    read: (line) => {
      name = values.word(line);
      file = { path: null, weight: 1, initial: null, reverse: false };
      return name === null ? false : undefined;
    },
    block: {
      file: { read: (line) => { file.path = values.word(line) ?? file.path; } },
      weight: { read: (line) => {
        const weight = values.integer(line, 1, INT32_LEAST, INT32_MOST);
        if (weight === null) return;
        file.weight = weight;
        file.reverse = line.words[2] === 'reverse';
      } },
      init_file: { read: (line) => {
        const number = line.words[1] === undefined || line.words[1] === 'overwrite' ? 0 : values.integer(line, 1, INT32_LEAST, INT32_MOST);
        if (number !== null) file.initial = number;
      } },
    },
    close: (line, end) => {
      if (name === null) return;
      if (file.path === null) diagnostics.warn(end, `track_file ${name} names no file`, 'left out', name);
      else if (trackFiles.has(name)) diagnostics.warn(line.place, `track_file ${name} stands there twice`, 'the second one is left out', name);
      else trackFiles.set(name, file);
    },
  };
}
