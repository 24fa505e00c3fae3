/** Real configuration files and what the real programs made of them (test/config/data; where they come from: SOURCES.md there). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DesiredConfiguration } from '../../lib/model/desired-configuration.ts';
import { tableText } from '../../cli/tsipvs/config.ts';

const FOLDER = join(projectRoot(), 'test/config/data');

export type Program = 'keepalived' | 'ldirectord' | 'piranha' | 'haproxy';

export function recordedText(path: string): string {
  return readFileSync(join(FOLDER, path), 'utf8');
}

/** Configuration files of a program, by name. */
export function recordedFiles(program: Program): Record<string, string> {
  const extension = { keepalived: '.conf', ldirectord: '.cf', piranha: '.cf', haproxy: '.cfg' }[program];
  return Object.fromEntries(readdirSync(join(FOLDER, program)).filter((name) => name.endsWith(extension)).map((name) => [name, recordedText(`${program}/${name}`)]));
}

/** Files of our own making, recorded likewise. */
export function madeFiles(): Record<string, string> {
  return Object.fromEntries(readdirSync(join(FOLDER, 'keepalived-made')).filter((name) => name.endsWith('.conf')).map((name) => [name, recordedText(`keepalived-made/${name}`)]));
}

/** A recording of what became of a file, or null when there is none. */
export function recordedDump(program: Program, name: string, extension: '.rules' | '.dump'): string | null {
  const path = `${program}/dumps/${name.replace(/\.(conf|cf)$/, '')}${extension}`;
  const text = existsSync(join(FOLDER, path)) ? recordedText(path).trim() : '';
  return text === '' ? null : text;
}

export function startTable(configuration: DesiredConfiguration): string[] {
  return tableText(configuration, 'start').trim().split('\n').filter((line) => line !== '');
}

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
