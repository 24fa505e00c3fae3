/** The files a replay reads and writes: every failure is one line that names the file. */
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { CaptureWriter } from '../device/capture-writer.ts';
import { LvsError } from '../model/errors.ts';
import type { NamedText } from './prepare.ts';
import type { ReplayInput } from './replay-input.ts';

/** The files of `[INTERFACE=]FILE` arguments: one for all interfaces, or one each. None of them may be an input. */
export class ReplayOutputs {
  readonly #files = new Map<string | null, { readonly fd: number; readonly writer: CaptureWriter }>();

  constructor(args: readonly string[], inputs: readonly ReplayInput[], inputArguments: readonly string[]) {
    const inputFiles = new Set(inputArguments.map((argument) => identity(argument.slice(argument.indexOf('=') + 1))));
    const wanted = args.map((argument) => {
      const named = /^([^=/]{1,15})=(.+)$/s.exec(argument);
      const name = named?.[1] ?? null;
      const file = named?.[2] ?? argument;
      if (name !== null && inputs.every((input) => input.interface !== name)) throw new LvsError('BadRequest', `--out ${argument}: no --in is of interface ${name} (there is ${inputs.map((input) => input.interface).join(', ')})`);
      const same = identity(file);
      if (same !== null && inputFiles.has(same)) throw new LvsError('BadRequest', `--out ${file} would overwrite an --in file`);
      return { name, file };
    });
    const twice = wanted.find(({ name }, n) => wanted.findIndex((other) => other.name === name) !== n);
    if (twice !== undefined) throw new LvsError('BadRequest', twice.name === null ? 'two --out files without interface: name them, as in --out cl0=a.pcap' : `two --out files for interface ${twice.name}`);
    for (const { name, file } of wanted) {
      const fd = opened(file);
      this.#files.set(name, { fd, writer: new CaptureWriter((bytes) => writeAll(fd, bytes)) });
    }
  }

  writer(name: string): CaptureWriter | null {
    return (this.#files.get(name) ?? this.#files.get(null))?.writer ?? null;
  }

  close(): void {
    for (const { fd, writer } of this.#files.values()) {
      writer.flush();
      closeSync(fd);
    }
  }
}

export function readBinary(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw fileError(file, error);
  }
}

export function readNamed(file: string): NamedText {
  return { name: file, text: new TextDecoder().decode(readBinary(file)) };
}

function opened(file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw fileError(file, error);
  }
}

function fileError(file: string, error: unknown): LvsError {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', EACCES: 'permission denied', EISDIR: 'is a directory', ERR_FS_FILE_TOO_LARGE: 'larger than 2 GiB: split it (tcpdump -C, editcap -c)' };
  return new LvsError('BadRequest', `${file}: ${known[code ?? ''] ?? (error as Error).message}`);
}

/** Device and inode, or null for what does not exist. */
function identity(file: string): string | null {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? `${stat.dev} ${stat.ino}` : null;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
