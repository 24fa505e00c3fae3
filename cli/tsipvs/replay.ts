/** `tsipvs replay`: captures and rules in; frames, picks, counters and reasons out. */
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { CaptureWriter } from '../../lib/device/capture-writer.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { prepareReplay, type NamedText } from '../../lib/replay/prepare.ts';
import { replay } from '../../lib/replay/replay.ts';
import { replayInputs, type ReplayInput } from '../../lib/replay/replay-input.ts';
import { replayText } from './replay-text.ts';
import { parseSetting } from './sysctl.ts';
import { traceText } from './trace-text.ts';

interface Args {
  rules: string; in: string[]; out: string[]; network?: string | undefined; marks?: string | undefined; sysctl: string[]; seed: number; trace: boolean; json: boolean;
}

export const replayCommand: CommandModule<object, Args> = {
  command: 'replay', describe: 'Run captures through the director on a virtual clock: no root, no network, same result every time',
  builder: (yargs) => yargs
    .option('rules', { type: 'string', demandOption: true, requiresArg: true, describe: 'Services, as tsipvsadm -S writes them' })
    .option('in', { type: 'string', array: true, nargs: 1, demandOption: true, requiresArg: true, describe: '[INTERFACE=]FILE: pcap or pcapng to replay; repeatable, merged by time' })
    .option('out', { type: 'string', array: true, nargs: 1, default: [] as string[], requiresArg: true, describe: '[INTERFACE=]FILE: write the frames sent (out of that interface)' })
    .option('network', { type: 'string', requiresArg: true, describe: 'JSON file: interfaces, routes, neighbours. Default: learnt from the captures' })
    .option('marks', { type: 'string', requiresArg: true, describe: 'Firewall mark rules, as "tsipvs mark save" writes them' })
    .option('sysctl', { type: 'string', array: true, nargs: 1, default: [] as string[], requiresArg: true, describe: 'NAME=VALUE; repeatable' })
    .option('seed', { type: 'number', default: 1, requiresArg: true, describe: 'Of the random numbers that a few schedulers draw' })
    .option('trace', { type: 'boolean', default: false, describe: 'Say why each packet went where it went' })
    .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line: traces if asked for, the result last' })
    .epilogue('Without --network the capture says who is where: the director\'s MAC is the one that packets to service addresses are sent to, every address is reached through the MAC its packets came from.'),
  handler: async (argv) => {
    const inputs = argv.in.flatMap((argument) => replayInputs(argument, readBinary));
    const { network, edits, notes } = await prepareReplay({
      rules: readNamed(argv.rules), inputs,
      ...(argv.network === undefined ? {} : { network: readNamed(argv.network) }),
      ...(argv.marks === undefined ? {} : { marks: readNamed(argv.marks) }),
      commands: argv.sysctl.map((text) => {
        const { name, value } = parseSetting(text);
        if (value === null) throw new LvsError('BadRequest', `--sysctl ${text} is not NAME=VALUE`);
        return { op: 'sysctl', name, value };
      }),
    });
    for (const note of notes) process.stderr.write(`tsipvs replay: ${note}\n`);
    const outputs = new Outputs(argv.out, inputs, argv.in);
    const result = replay({
      inputs, network, edits, seed: argv.seed, writer: (name) => outputs.writer(name),
      ...(argv.trace ? { onTrace: (record) => process.stdout.write(argv.json ? `${JSON.stringify(record)}\n` : traceText(record)) } : {}),
    });
    outputs.close();
    process.stdout.write(argv.json ? `${JSON.stringify({ ...result, notes })}\n` : replayText(result));
  },
};

/** The files of --out: one for all interfaces, or one each. */
class Outputs {
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

function readBinary(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw fileError(file, error);
  }
}

function readNamed(file: string): NamedText {
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
