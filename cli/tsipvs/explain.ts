/** `tsipvs explain`: where the next connection of a client would go now, and why, without making one. */
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { DecidedBy, Explanation, FlowQuestion } from '../../lib/model/explanation.ts';
import type { Protocol } from '../../lib/model/protocol.ts';
import { withDaemon } from './daemon.ts';
import { parseServer, parseService, SERVICE_HELP, type Wanted } from './place.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

export interface ExplainArgs {
  service?: string | undefined;
  tcpService?: string | undefined;
  udpService?: string | undefined;
  fwmarkService?: string | undefined;
  client: string;
  protocol?: Protocol | undefined;
  to?: string | undefined;
  interface?: string | undefined;
  callId?: string | undefined;
}

export const explainCommand: CommandModule<object, ExplainArgs & { json: boolean }> = {
  command: 'explain', describe: 'Where a client\'s next connection would go now, and why; nothing changes by asking',
  builder: (yargs) => yargs
    .option('service', { alias: 's', type: 'string', requiresArg: true, describe: SERVICE_HELP })
    .option('tcp-service', { alias: 't', type: 'string', requiresArg: true, describe: 'ADDRESS:PORT, as tsipvsadm takes it' })
    .option('udp-service', { alias: 'u', type: 'string', requiresArg: true, describe: 'ADDRESS:PORT' })
    .option('fwmark-service', { alias: 'f', type: 'string', requiresArg: true, describe: 'A firewall mark' })
    .option('client', { alias: 'c', type: 'string', requiresArg: true, demandOption: true, describe: 'ADDRESS or ADDRESS:PORT (port 40000 if none is given)' })
    .option('protocol', { choices: PROTOCOLS, requiresArg: true, describe: 'By default the service\'s' })
    .option('to', { type: 'string', requiresArg: true, describe: 'ADDRESS:PORT the client asks for, where the service does not say it (marks, port 0)' })
    .option('interface', { type: 'string', requiresArg: true, describe: 'It comes in by this one; by default the one that leads to the client' })
    .option('call-id', { type: 'string', requiresArg: true, describe: 'Call-ID in the datagram, for the sip persistence engine' })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  handler: async (argv) => {
    const explanation = await withDaemon(async (client) => client.call('explain', { question: await questionOf(client, argv) }));
    process.stdout.write(argv.json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation));
  },
};

/** The flow that is asked about, with what the arguments leave out taken from the director's tables. */
export async function questionOf(client: Pick<ApiClient, 'call'>, args: ExplainArgs): Promise<FlowQuestion> {
  const { address, port } = parseServer(args.client);
  const wanted = wantedService(args);
  const target = 'fwmark' in wanted ? await markTarget(client, wanted.fwmark, args) : await addressTarget(client, wanted, args);
  return {
    protocol: args.protocol ?? target.protocol, client: address, clientPort: port ?? 40_000, virtual: target.address, virtualPort: target.port,
    ...('fwmark' in wanted ? { mark: wanted.fwmark } : {}),
    ...(args.interface === undefined ? {} : { interface: args.interface }),
    ...(args.callId === undefined ? {} : { callId: args.callId }),
  };
}

interface Target { readonly protocol: Protocol; readonly address: string; readonly port: number }

function wantedService({ service, tcpService, udpService, fwmarkService }: ExplainArgs): Wanted {
  const given = [service, tcpService && `tcp:${tcpService}`, udpService && `udp:${udpService}`, fwmarkService && `fwmark:${fwmarkService}`].filter((text) => text !== undefined);
  if (given.length !== 1) throw new LvsError('BadRequest', 'name one service: --service, -t, -u or -f');
  return parseService(given[0]!);
}

async function addressTarget(client: Pick<ApiClient, 'call'>, wanted: Exclude<Wanted, { fwmark: number }>, args: ExplainArgs): Promise<Target> {
  let { protocol } = wanted;
  if (protocol === null) {
    const { services } = await client.call('list', {});
    const found = services.map(({ service }) => service.id).find((id) => id.kind === 'address' && id.address === wanted.address && id.port === wanted.port);
    protocol = found?.kind === 'address' ? found.protocol : 'tcp';
  }
  if (args.to !== undefined) return { protocol, ...endpoint(args.to) };
  if (wanted.port === 0) throw new LvsError('BadRequest', `the service takes every port: say which one with --to ${wanted.address.includes(':') ? `[${wanted.address}]` : wanted.address}:PORT`);
  return { protocol, address: wanted.address, port: wanted.port };
}

/** What a mark is given to: --to, or what the first rule that gives it says in full. */
async function markTarget(client: Pick<ApiClient, 'call'>, mark: number, { to }: ExplainArgs): Promise<Target> {
  const { rules } = await client.call('marks', {});
  const rule = rules.find((each) => each.mark === mark);
  const protocol = PROTOCOLS[[6, 17, 132].indexOf(rule?.protocol ?? 6)] ?? 'tcp';
  if (to !== undefined) return { protocol, ...endpoint(to) };
  const [address = '', length] = (rule?.destination ?? '').split('/');
  if (rule?.destinationPorts === undefined || address === '' || (length !== undefined && length !== '32' && length !== '128')) {
    throw new LvsError('BadRequest', `mark ${mark} does not say what the client asks for: say it with --to ADDRESS:PORT`);
  }
  return { protocol, address, port: rule.destinationPorts[0] };
}

function endpoint(text: string): { readonly address: string; readonly port: number } {
  const { address, port } = parseServer(text);
  if (port === null) throw new LvsError('BadRequest', `--to ${text} lacks a port: ADDRESS:PORT`);
  return { address, port };
}

const DECIDED_BY: Readonly<Record<DecidedBy, string>> = {
  connection: 'a connection that exists', template: 'a persistence template', scheduler: 'the scheduler', bypass: 'cache bypass', nobody: '',
};
/** What the client sees of an end without a destination. */
const ENDS: Readonly<Record<string, string>> = {
  transmit: 'would be forwarded', deliver: 'would be delivered here', pass: 'not for the director: the host\'s own stack takes it', hold: 'would wait for the rest', drop: 'would be dropped',
};

export function explanationText({ record, decidedBy, destination }: Explanation): string {
  const lines = record.steps.map(({ step, detail }) => `    ${step.padEnd(9)} ${detail}\n`).join('');
  const reason = record.reason === '' ? '' : ` (${record.reason})`;
  const place = destination === null ? '' : `${destination.address.includes(':') ? `[${destination.address}]` : destination.address}:${destination.port}`;
  const end = destination === null ? `${ENDS[record.verdict]}${reason}`
    : `${place}, by ${DECIDED_BY[decidedBy]}${record.verdict === 'drop' ? `; ${ENDS['drop']}${reason}` : record.verdict === 'deliver' ? ' (this host)' : ''}`;
  return `${record.packet}${record.interface === '' ? '' : ` from ${record.interface}`}\n${lines}    => ${end}\n`;
}
