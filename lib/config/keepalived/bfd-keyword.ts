/** bfd_instance: a neighbour that BFD_CHECK asks about. Read for its mistakes and its name; sessions are not kept. */
import type { Diagnostics } from '../diagnostics.ts';
import { readHostPart } from './addresses.ts';
import type { Keyword } from './block-parser.ts';
import type { ConfigLine } from './line-source.ts';
import type { Values } from './values.ts';

export interface BfdInstance { readonly name: string; readonly neighbor: string; readonly line: ConfigLine; readonly settings: readonly (readonly string[])[] }

/** Least and most of each number; times are milliseconds. */
const NUMBERS: Readonly<Record<string, readonly [number, number]>> = { min_rx: [1, 1000], min_tx: [1, 1000], idle_tx: [1000, 4_294_967], multiplier: [1, 255], ttl: [1, 255], hoplimit: [1, 255], max_hops: [-1, 255] };

export function bfdKeyword(instances: Map<string, BfdInstance>, diagnostics: Diagnostics, values: Values): Keyword {
  let name: string | null = null;
  let neighbor: string | null = null;
  let settings: (readonly string[])[] = [];
  const keep: Keyword = { read: (line) => { settings.push(line.words); } };
  const address = (set: (text: string) => void): Keyword => ({ read: (line) => {
    const text = values.word(line);
    if (text === null) return;
    const read = readHostPart(text);
    if (read === null) diagnostics.warn(line.place, `bfd_instance ${name ?? ''}: malformed ${line.words[0]} ${text}`, 'ignored', text);
    else set(read.address);
    settings.push(line.words);
  } });
  return {
    read: (line) => {
      [name, neighbor, settings] = [values.word(line), null, []];
      if (name === null) return false;
      if (!instances.has(name)) return undefined;
      diagnostics.warn(line.place, `bfd_instance ${name} stands there twice`, 'the second one is left out', name);
      name = null;
      return false;
    },
    block: {
      neighbor_ip: address((text) => { neighbor = text; }),
      source_ip: address(() => {}),
      ...Object.fromEntries(Object.entries(NUMBERS).map(([word, [least, most]]): [string, Keyword] => [word, { read: (line) => {
        const number = word === 'max_hops' ? values.integer(line, 1, least, most) : values.unsigned(line, 1, least, most);
        if (number !== null) settings.push(line.words);
      } }])),
      weight: keep, passive: keep,
    },
    close: (line, end) => {
      if (name === null) return;
      if (neighbor === null) diagnostics.warn(end, `bfd_instance ${name} has no neighbor_ip`, 'the instance is left out', name);
      else instances.set(name, { name, neighbor, line, settings });
    },
  };
}
