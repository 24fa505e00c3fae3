/**
 * The golden file format, as types, and how files are found. A file is one case: what was done to a real director, step by step, and what
 * came of it. Every step carries `t`, seconds of virtual time since the case began.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface OutFrame { readonly dev: string; readonly hex: string }
export interface ExchangedFrame { readonly t: number; readonly dev: string; readonly in: string; readonly out: OutFrame[] }

/** One step; which fields are there depends on its kind (a command has argv, the others op). */
export interface GoldenStep {
  t: number;
  op?: string;
  argv?: string[];
  stdin?: string;
  user?: string;
  stdout?: string;
  stderr?: string;
  code?: number;
  out?: OutFrame[];
  dev?: string;
  in?: string;
  note?: string;
  seconds?: number;
  name?: string;
  value?: string;
  error?: string;
  path?: string;
  text?: string;
  cmd?: string;
  proto?: string;
  addr?: string;
  port?: number;
  src?: [string, number] | null;
  loaded?: boolean;
  counters?: Record<string, string>;
  client?: string;
  vip?: string;
  frames?: ExchangedFrame[];
  pick?: string | null;
  answer?: string;
  dest?: string;
  weight?: number;
}

export interface GoldenTopology {
  readonly devices: Readonly<Record<string, { readonly mac: string; readonly mtu: number; readonly addrs: readonly string[] }>>;
  readonly routes: readonly string[];
  readonly neigh: readonly (readonly [string, string, string])[];
  readonly forwarding: boolean;
}

export interface TransitionSequence { client_port: number; events: string[]; after: ([string, string] | null)[] }

export interface GoldenCase {
  readonly id: string;
  readonly title: string;
  readonly profile: 'none' | 'std';
  readonly topology?: GoldenTopology;
  steps: GoldenStep[];
  readonly kind?: 'transitions';
  readonly method?: string;
  readonly protocol?: string;
  readonly secure_tcp?: number;
  readonly set?: string | null;
  sequences?: TransitionSequence[];
  readonly scheduler?: string;
  readonly service?: string;
  picks?: (string | null)[];
  sync_payloads?: string[];
}

/** A folder of cases (a corpus) and the files in it. */
export interface GoldenFolder { readonly name: string; readonly files: readonly string[] }

/** The case files of a path: a single file, a corpus folder, or any directory above corpus folders. */
export function findGoldenFolders(target: string): GoldenFolder[] {
  if (statSync(target).isFile()) return [{ name: path.basename(path.dirname(path.resolve(target))), files: [target] }];
  const folders: GoldenFolder[] = [];
  const entries = readdirSync(target, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((e) => e.isFile() && e.name.endsWith('.json')).map((e) => path.join(target, e.name)).filter(isCaseFile);
  if (files.length) folders.push({ name: path.basename(path.resolve(target)), files });
  for (const entry of entries) if (entry.isDirectory()) folders.push(...findGoldenFolders(path.join(target, entry.name)));
  return folders;
}

export function readGoldenCase(file: string): GoldenCase {
  return JSON.parse(readFileSync(file, 'utf8')) as GoldenCase;
}

function isCaseFile(file: string): boolean {
  return readFileSync(file, 'utf8').slice(0, 4096).includes('"id"');
}
