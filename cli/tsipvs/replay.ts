/** `tsipvs replay`: captures and rules in; frames, picks, counters and reasons out. */
import type { CommandModule } from 'yargs';
import { LvsError } from '../../lib/model/errors.ts';
import { prepareReplay } from '../../lib/replay/prepare.ts';
import { replay } from '../../lib/replay/replay.ts';
import { readBinary, readNamed, ReplayOutputs } from '../../lib/replay/replay-files.ts';
import { replayInputs } from '../../lib/replay/replay-input.ts';
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
    const outputs = new ReplayOutputs(argv.out, inputs, argv.in);
    const result = replay({
      inputs, network, edits, seed: argv.seed, writer: (name) => outputs.writer(name),
      ...(argv.trace ? { onTrace: (record) => process.stdout.write(argv.json ? `${JSON.stringify(record)}\n` : traceText(record)) } : {}),
    });
    outputs.close();
    process.stdout.write(argv.json ? `${JSON.stringify({ ...result, notes })}\n` : replayText(result));
  },
};
