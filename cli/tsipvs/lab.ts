/** `tsipvs lab up|down|status|exec|demo`: argv -> lib/lab. */
import type { Argv, CommandModule } from 'yargs';
import { down, exec, status, up } from '../../lib/lab/lab.ts';
import type { ApiCaller } from '../../lib/control/api/message.ts';
import { runDemo } from '../../lib/lab/demo.ts';
import { LabError } from '../../lib/lab/run-command.ts';
import { whyNoNamespaces } from '../../lib/lab/namespaces.ts';
import { LAB_MODES, type LabMode } from '../../lib/lab/topology.ts';

const print = (text: string): void => console.log(text);
const MODES = [...LAB_MODES, 'all'] as const;

function servers(yargs: Argv): Argv<{ servers: number }> {
  return yargs.option('servers', { type: 'number', default: 3, requiresArg: true, describe: 'How many real servers' });
}

const upCommand: CommandModule<object, { mode: LabMode | 'all'; servers: number; vip: boolean; daemon: boolean }> = {
  command: 'up', describe: 'Build a laboratory, start its daemon, and say what to try',
  builder: (yargs) => servers(yargs)
    .option('mode', { choices: MODES, default: 'nat' as LabMode | 'all', requiresArg: true, describe: 'Forwarding method to set up for' })
    .option('vip', { type: 'boolean', default: true, describe: 'Configure the VIP on the director (--no-vip: only route it there)' })
    .option('daemon', { type: 'boolean', default: true, describe: 'Start tsipvsd (--no-daemon: leave that to you)' }),
  handler: (argv) => up({ mode: argv.mode, servers: argv.servers, vipOnHost: argv.vip, noDaemon: !argv.daemon }, print),
};

const downCommand: CommandModule<object, { mode?: LabMode | 'all' | undefined }> = {
  command: 'down', describe: 'Remove every trace of the laboratory, also after a crash',
  builder: (yargs) => yargs.option('mode', { choices: MODES, requiresArg: true, describe: 'Only the laboratory of this mode' }),
  handler: (argv) => down(argv.mode ?? null, print),
};

const statusCommand: CommandModule = {
  command: 'status', describe: 'Show what is up',
  handler: () => status(print),
};

const execCommand: CommandModule<object, { mode?: LabMode | undefined; host: string; command?: string[] | undefined }> = {
  command: 'exec <host> [command..]', describe: 'Run a command (default: a shell) on client, director, rs1 ...; put -- before it',
  builder: (yargs) => yargs
    .option('mode', { choices: LAB_MODES, requiresArg: true, describe: 'Which laboratory, when several are up' })
    .positional('host', { type: 'string', demandOption: true })
    .positional('command', { type: 'string', array: true })
    .parserConfiguration({ 'populate--': true, 'halt-at-non-option': false, 'parse-positional-numbers': false }),
  handler: async (argv) => {
    const rest = (argv as unknown as { '--'?: (string | number)[] })['--'] ?? [];
    process.exitCode = await exec(argv.mode ?? null, argv.host, [...(argv.command ?? []), ...rest.map(String)]);
  },
};

const demoCommand: CommandModule<object, { mode: LabMode | 'all'; servers: number; requests: number; memory: boolean }> = {
  command: 'demo', describe: 'Show every forwarding method with real packets and check that shares match the weights exactly',
  builder: (yargs) => servers(yargs)
    .option('mode', { choices: MODES, default: 'all' as LabMode | 'all', requiresArg: true, describe: 'Forwarding method to show' })
    .option('requests', { type: 'number', default: 300, requiresArg: true, describe: 'Requests sent through each virtual service' })
    .option('memory', { type: 'boolean', default: false, describe: 'Simulate the networks in memory: needs no root' }),
  handler: async (argv) => {
    const { mode, servers, requests } = argv;
    const why = argv.memory ? null : await whyNoNamespaces();
    if (why !== null) print(`Simulating in memory: ${why}.`);
    const failures = argv.memory || why !== null ? await runInMemory(mode, servers, requests) : await runDemo({ mode, servers, requests, print });
    print(failures === 0 ? '\nEverything held: every share is exactly what the weights say.' : `\n${failures} thing${failures === 1 ? '' : 's'} did not hold; see the lines that begin with WRONG.`);
    process.exitCode = failures === 0 ? 0 : 1;
  },
};

/** The demonstration with director and tsipvsadm in this process; loaded only when asked for. */
async function runInMemory(mode: LabMode | 'all', servers: number, requests: number): Promise<number> {
  const [{ runMemoryDemo }, { runTsipvsadm }, { NUMBERS_ONLY }] = await Promise.all([
    import('../../lib/lab/memory-demo.ts'), import('../run-tsipvsadm.ts'), import('../../lib/config/ipvsadm/name-resolver.ts'),
  ]);
  const tsipvsadm = async (argv: readonly string[], api: ApiCaller): Promise<string> => {
    const { stdout, stderr, code } = await runTsipvsadm({ argv: ['tsipvsadm', ...argv], stdin: async () => '', names: NUMBERS_ONLY, api });
    if (code !== 0) throw new LabError(`tsipvsadm ${argv.join(' ')}: ${stderr.trim()}`);
    return stdout;
  };
  return runMemoryDemo({ mode, servers, requests, print, tsipvsadm });
}

export const labCommand: CommandModule = {
  command: 'lab', describe: 'Network namespaces to learn, try and test in: up, down, status, exec, demo',
  builder: (yargs) => yargs.command(upCommand).command(downCommand).command(statusCommand).command(execCommand).command(demoCommand)
    .demandCommand(1, 1, 'say what to do: up, down, status, exec or demo'),
  handler: () => { /* one of the commands above runs */ },
};
