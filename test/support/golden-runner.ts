/** Plays and compares every case of a set of folders; says what passed and what did not. The command line is golden-cli.ts, the test golden.test.ts. */
import path from 'node:path';
import { findGoldenFolders, type GoldenCase, type GoldenFolder, readGoldenCase } from './golden-case.ts';
import { compareCases, type Difference } from './golden-compare.ts';
import { playCase, PlayError } from './golden-player.ts';

export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly golden: GoldenCase;
  readonly differences: readonly Difference[];
}

export interface FolderResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: readonly CaseResult[];
  /** Cases that are known not to be ours to reproduce, with the reason. */
  readonly excepted: readonly { readonly id: string; readonly reason: string }[];
}

export interface GoldenOptions {
  /** A case by its id, or all whose id begins so when none has just this one. */
  readonly only?: string | undefined;
}

/**
 * Recordings that a clone should not or cannot match. By what they are about, so that another recording of the same thing is excepted too; each has its
 * line in README under "differs from the kernel".
 */
const EXCEPTIONS: readonly { readonly holds: (golden: GoldenCase) => boolean; readonly reason: string }[] = [
  { holds: (g) => g.title.includes('QUIRK'), reason: 'a kernel oddity that the golden README says not to imitate' },
];

export async function runGolden(targets: readonly string[], options: GoldenOptions = {}): Promise<FolderResult[]> {
  const results: FolderResult[] = [];
  const folders = merged(targets.flatMap(findGoldenFolders));
  const { only } = options;
  const exact = folders.some(({ files }) => files.some((file) => idOf(file) === only));
  for (const folder of folders) {
    const files = folder.files.filter((file) => only === undefined || (exact ? idOf(file) === only : idOf(file).startsWith(only)));
    if (!files.length) continue;
    const failed: CaseResult[] = [];
    const excepted: { id: string; reason: string }[] = [];
    let passed = 0;
    for (const file of files) {
      const golden = readGoldenCase(file);
      const exception = EXCEPTIONS.find((e) => e.holds(golden));
      if (exception) { excepted.push({ id: golden.id, reason: exception.reason }); continue; }
      const result = await runCase(golden);
      if (result.differences.length) failed.push(result);
      else passed++;
    }
    results.push({ name: folder.name, passed, failed, excepted });
  }
  return results;
}

export async function runCase(golden: GoldenCase): Promise<CaseResult> {
  const { id, title } = golden;
  try {
    const ours = await playCase(golden);
    return { id, title, golden, differences: compareCases(golden, ours) };
  } catch (error) {
    const where = error instanceof PlayError ? error.step : 'case';
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { id, title, golden, differences: [{ where, golden: 'played', ours: `threw ${cause instanceof Error ? cause.stack ?? cause.message : String(cause)}` }] };
  }
}

function idOf(file: string): string {
  return path.basename(file, '.json');
}

/** Files of one folder that were named one by one count as that folder. */
function merged(folders: readonly GoldenFolder[]): GoldenFolder[] {
  const byPlace = new Map<string, { name: string; files: string[] }>();
  for (const { name, files } of folders) {
    const place = path.dirname(path.resolve(files[0]!));
    const known = byPlace.get(place);
    if (known) known.files.push(...files.filter((file) => !known.files.includes(file)));
    else byPlace.set(place, { name, files: [...files] });
  }
  return [...byPlace.values()];
}
