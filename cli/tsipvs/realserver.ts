/** `tsipvs realserver setup|undo|check|decap`: argv -> lib/lab/realserver. */
import type { Argv, CommandModule } from 'yargs';
import { formatAddress, parseAddress } from '../../lib/wire/address.ts';
import { LabError } from '../../lib/lab/run-command.ts';
import { DECAP_DEVICE, GUE_PORT } from '../../lib/lab/decap/names.ts';
import type { TunnelKind } from '../../lib/lab/decap/decapsulate.ts';
import { printFindings } from '../../lib/lab/realserver/check.ts';
import { checkRealServer, describeSetup, setupRealServer, undoRealServer } from '../../lib/lab/realserver/realserver.ts';
import { type RealServerMode, type RealServerOptions, TUNNEL_CHOICES, type TunnelChoice } from '../../lib/lab/realserver/options.ts';

const MODES: readonly RealServerMode[] = ['dr', 'tun', 'nat'];

interface Args { mode: RealServerMode; vip: string[]; director: string[]; interface?: string | undefined; type: TunnelChoice; port: number }

/** A repeated option adds to its list; the command's own default is that the last one wins. */
const REPEATABLE = { 'duplicate-arguments-array': true };

function common(yargs: Argv): Argv<Args> {
  return yargs.parserConfiguration(REPEATABLE)
    .option('mode', { choices: MODES, demandOption: true, requiresArg: true, describe: 'How the director forwards to this server' })
    .option('vip', { type: 'string', array: true, nargs: 1, default: [] as string[], requiresArg: true, describe: 'Service address; repeatable' })
    .option('director', { type: 'string', array: true, nargs: 1, default: [] as string[], requiresArg: true, describe: 'nat: the director\'s address on this server\'s network (one a family)' })
    .option('interface', { type: 'string', requiresArg: true, describe: 'Interface towards the director or the network' })
    .option('type', { choices: TUNNEL_CHOICES, default: 'ipip' as TunnelChoice, requiresArg: true, describe: 'tun: kind of tunnel; any: our own decapsulator for all kinds' })
    .option('port', { type: 'number', default: GUE_PORT, requiresArg: true, describe: 'tun: UDP port of gue' });
}

function options(args: Args): RealServerOptions {
  return {
    mode: args.mode, vips: args.vip.map(canonical), directors: args.director.map(canonical), tunnel: args.type, guePort: args.port,
    ...(args.interface === undefined ? {} : { interface: args.interface }),
  };
}

function canonical(text: string): string {
  const parsed = parseAddress(text);
  if (parsed === null) throw new LabError(`"${text}" is not an IP address`);
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = parsed.words;
  return formatAddress(parsed.family, w0, w1, w2, w3);
}

function printLines(lines: readonly string[], nothing: string): void {
  console.log(lines.length === 0 ? nothing : lines.join('\n'));
}

const setupCommand: CommandModule<object, Args & { 'dry-run': boolean }> = {
  command: 'setup', describe: 'Make this machine a real server; "undo" takes it back',
  builder: (yargs) => common(yargs).option('dry-run', { type: 'boolean', default: false, describe: 'Only print the commands' }),
  handler: async (argv) => printLines(argv['dry-run'] ? await describeSetup(options(argv)) : await setupRealServer(options(argv)), 'nothing to do: this machine is set up already'),
};

const undoCommand: CommandModule<object, Args> = {
  command: 'undo', describe: 'Restore what setup changed (without --vip: for all VIPs of the mode)',
  builder: common,
  handler: async (argv) => printLines(await undoRealServer(options(argv)), 'nothing to undo'),
};

const checkCommand: CommandModule<object, Args & { servicePort?: number | undefined; udp: boolean }> = {
  command: 'check', describe: 'Find the classic mistakes and print the fix; exit status 1 if something is wrong',
  builder: (yargs) => common(yargs)
    .option('service-port', { type: 'number', requiresArg: true, describe: 'Port that the service should listen on' })
    .option('udp', { type: 'boolean', default: false, describe: 'The service is UDP' }),
  handler: async (argv) => {
    const findings = await checkRealServer({ ...options(argv), protocol: argv.udp ? 'udp' : 'tcp', ...(argv.servicePort === undefined ? {} : { port: argv.servicePort }) });
    process.stdout.write(printFindings(findings));
    process.exitCode = findings.some((f) => f.severity === 'wrong') ? 1 : 0;
  },
};

const decapCommand: CommandModule<object, { vip: string[]; type: TunnelChoice; port: number; device: string }> = {
  command: 'decap', describe: 'Unwrap tunnel packets in userspace, in the foreground, where the kernel has no ipip, gre or fou',
  builder: (yargs) => yargs.parserConfiguration(REPEATABLE)
    .option('vip', { type: 'string', array: true, nargs: 1, default: [] as string[], requiresArg: true, describe: 'Take only packets to these addresses; default: all' })
    .option('type', { choices: TUNNEL_CHOICES, default: 'any' as TunnelChoice, requiresArg: true, describe: 'Kind of tunnel' })
    .option('port', { type: 'number', default: GUE_PORT, requiresArg: true, describe: 'UDP port of gue' })
    .option('device', { type: 'string', default: DECAP_DEVICE, requiresArg: true, describe: 'Name of the TUN device to make' }),
  handler: async (argv) => {
    const kinds: TunnelKind[] = argv.type === 'any' ? ['ipip', 'gue', 'gre'] : [argv.type];
    // Loaded here, because nothing else of this command needs the native shim.
    const { runDecapsulator } = await import('../../lib/lab/decap/run-decapsulator.ts');
    await runDecapsulator({ kinds, guePort: argv.port, vips: argv.vip.map(canonical), device: argv.device });
  },
};

export const realserverCommand: CommandModule = {
  command: 'realserver', describe: 'Prepare a real server: setup, undo, check, decap',
  builder: (yargs) => yargs.command(setupCommand).command(undoCommand).command(checkCommand).command(decapCommand)
    .demandCommand(1, 1, 'say what to do: setup, undo, check or decap'),
  handler: () => { /* one of the commands above runs */ },
};
