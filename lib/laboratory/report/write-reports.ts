/** Files of a report, each in one piece or not at all: written beside its place and renamed, so that a full disk leaves the former one. */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LvsError } from '../../model/errors.ts';
import type { LaboratoryResult } from '../result.ts';
import { csv } from './csv.ts';
import { reportPage } from './page/page.ts';
import { svgFiles } from './svg-files.ts';

export interface ReportOutputs {
  /** One self-contained page. */
  readonly html?: string | undefined;
  /** A folder, made if missing, for every chart as a file. */
  readonly svgDir?: string | undefined;
  /** "-" is standard output. */
  readonly json?: string | undefined;
  /** "-" is standard output. */
  readonly csv?: string | undefined;
}

export async function writeReports(results: readonly LaboratoryResult[], outputs: ReportOutputs, stdout: { write(text: string): unknown } = process.stdout): Promise<void> {
  const { html, svgDir, json, csv: csvPath } = outputs;
  if (json === '-' && csvPath === '-') throw new LvsError('BadRequest', '--json - and --csv - both want standard output: give one of them a file');
  if (json !== undefined) await write(json, jsonText(results), '--json', stdout);
  if (csvPath !== undefined) await write(csvPath, csv(results), '--csv', stdout);
  if (html !== undefined) await write(html, reportPage(results), '--report', stdout);
  if (svgDir !== undefined) {
    await makeFolder(svgDir, '--svg');
    for (const { name, content } of svgFiles(results)) await writeWhole(join(svgDir, name), content, '--svg');
  }
}

/** {"results": [...]}, one scenario each. */
export function jsonText(results: readonly LaboratoryResult[]): string {
  return `${JSON.stringify({ results }, null, 1)}\n`;
}

async function write(path: string, text: string, option: string, stdout: { write(text: string): unknown }): Promise<void> {
  if (path === '-') {
    stdout.write(text);
    return;
  }
  await writeWhole(path, text, option);
}

async function writeWhole(path: string, text: string, option: string): Promise<void> {
  // NB: /dev/stdout, /dev/fd/3 and named pipes are written to, not replaced.
  const special = await stat(path).then((found) => !found.isFile() && !found.isDirectory(), () => false);
  const beside = special ? path : join(dirname(path), `.${process.pid}.${path.split('/').at(-1)!}.part`);
  try {
    await writeFile(beside, text);
    if (!special) await rename(beside, path);
  } catch (error) {
    if (!special) await rm(beside, { force: true }).catch(() => {});
    throw new LvsError('BadRequest', `${option} ${path} cannot be written: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its folder does not exist' : (error as Error).message}`);
  }
}

async function makeFolder(path: string, option: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new LvsError('BadRequest', `${option} ${path} cannot be made: ${(error as Error).message}`);
  }
}
