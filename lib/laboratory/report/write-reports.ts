/**
 * Files of a report, each in one piece or not at all: written beside its place and renamed, so that a full disk leaves the former one. A run may take
 * minutes, so places are tried before it (`checkOutputs`), and one that fails after all does not keep the others from being written.
 */
import { constants } from 'node:fs';
import { access, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
  /** "-" is standard output, for one of these. */
  readonly json?: string | undefined;
  readonly csv?: string | undefined;
}

interface FileKind { readonly option: string; readonly key: 'html' | 'json' | 'csv'; readonly content: (results: readonly LaboratoryResult[]) => string }

const FILES: readonly FileKind[] = [
  { option: '--json', key: 'json', content: jsonText },
  { option: '--csv', key: 'csv', content: csv },
  { option: '--report', key: 'html', content: reportPage },
];

/** Refuses what could not be written, in one line; makes the folder of --svg. */
export async function checkOutputs(outputs: ReportOutputs): Promise<void> {
  const onStdout = FILES.filter(({ key }) => outputs[key] === '-');
  if (onStdout.length > 1) throw new LvsError('BadRequest', `${onStdout.map(({ option }) => `${option} -`).join(' and ')} ${onStdout.length === 2 ? 'both want standard output: give one of them a file' : 'all want standard output: give all but one a file'}`);
  for (const { option, key } of FILES) {
    const path = outputs[key];
    if (path === undefined || path === '-') continue;
    if (path === '') throw new LvsError('BadRequest', `${option} names no file`);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() === true) throw new LvsError('BadRequest', `${option} ${path} is a folder: name a file`);
    await refused(access(found === null || found.isFile() ? dirname(path) : path, constants.W_OK), `${option} ${path}`);
  }
  if (outputs.svgDir !== undefined) {
    await refused(mkdir(outputs.svgDir, { recursive: true }), `--svg ${outputs.svgDir}`);
    await refused(access(outputs.svgDir, constants.W_OK), `--svg ${outputs.svgDir}`);
  }
}

/** Writes all that was asked for; what cannot be written is thrown after the rest is safe. */
export async function writeReports(results: readonly LaboratoryResult[], outputs: ReportOutputs, stdout: { write(text: string): unknown } = process.stdout): Promise<void> {
  await checkOutputs(outputs);
  const failures: unknown[] = [];
  const attempt = (work: () => Promise<void>): Promise<void> => work().catch((error: unknown) => { failures.push(error); });
  for (const { option, key, content } of FILES) {
    const path = outputs[key];
    if (path === '-') stdout.write(content(results));
    else if (path !== undefined) await attempt(() => refused(writeWhole(path, content(results)), `${option} ${path}`));
  }
  const { svgDir } = outputs;
  if (svgDir !== undefined) await attempt(async () => { for (const { name, content } of svgFiles(results)) await refused(writeWhole(join(svgDir, name), content), `--svg ${svgDir}`); });
  if (failures.length > 0) throw failures[0];
}

/** One JSON array, a scenario a line. */
export function jsonText(results: readonly LaboratoryResult[]): string {
  return `[\n${results.map((result) => JSON.stringify(result)).join(',\n')}\n]\n`;
}

async function writeWhole(path: string, text: string): Promise<void> {
  // NB: /dev/stdout, /dev/fd/3 and named pipes are written to, not replaced.
  if (await stat(path).then((found) => !found.isFile(), () => false)) {
    await writeFile(path, text);
    return;
  }
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
}

async function refused(work: Promise<unknown>, what: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'its folder does not exist' : code === 'EACCES' || code === 'EROFS' ? 'no permission' : code === 'EEXIST' || code === 'ENOTDIR' ? 'a file of that name is in the way' : message;
    throw new LvsError('BadRequest', `${what} cannot be written: ${reason}`);
  }
}
