/** `tsipvs trace`: the decision record of every packet that a filter lets through, live, until Ctrl-C. */
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { IPPROTO } from '../../lib/model/protocol.ts';
import type { TraceFilter, TraceRecord } from '../../lib/model/trace-record.ts';
import { parseAddress } from '../../lib/wire/address.ts';
import { connectToDaemon } from './daemon.ts';
import { traceText } from './trace-text.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'] as const;

interface Args { client?: string | undefined; virtual?: string | undefined; protocol?: (typeof PROTOCOLS)[number] | undefined; count?: number | undefined; json: boolean }

export const traceCommand: CommandModule<object, Args> = {
  command: 'trace', describe: 'Show why each packet went where it went, until Ctrl-C',
  builder: (yargs) => yargs
    .option('client', { type: 'string', requiresArg: true, describe: 'Only this client: ADDRESS or ADDRESS:PORT' })
    .option('virtual', { type: 'string', requiresArg: true, describe: 'Only this service address: ADDRESS or ADDRESS:PORT' })
    .option('protocol', { choices: PROTOCOLS, requiresArg: true, describe: 'Only this protocol' })
    .option('count', { alias: 'c', type: 'number', requiresArg: true, describe: 'Stop after so many packets' })
    .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line' }),
  handler: async (argv) => {
    const client = await connectToDaemon();
    let stopped = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        stopped = true;
        client.close();
      });
    }
    const seen = await runTrace(client, traceFilter(argv), (record) => process.stdout.write(argv.json ? `${JSON.stringify(record)}\n` : traceText(record)));
    if (!stopped && seen !== argv.count) throw new LvsError('NotRunning', 'the director ended');
  },
};

/** Resolves with the number of records when the filter's limit is reached or the connection ends. */
export function runTrace(client: Pick<ApiClient, 'subscribe' | 'close'>, filter: TraceFilter, onRecord: (record: TraceRecord) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    const started = client.subscribe(filter, (record) => {
      onRecord(record);
      if (++seen !== filter.limit) return;
      client.close();
      resolve(seen);
    }, () => resolve(seen));
    started.catch(reject);
  });
}

export function traceFilter({ client, virtual, protocol, count }: Omit<Args, 'json'>): TraceFilter {
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) throw new LvsError('BadRequest', `--count takes a whole number from 1, not ${count}`);
  const from = client === undefined ? null : endpoint(client, '--client');
  const to = virtual === undefined ? null : endpoint(virtual, '--virtual');
  return {
    ...(from === null ? {} : { client: from.address, ...(from.port === null ? {} : { clientPort: from.port }) }),
    ...(to === null ? {} : { virtual: to.address, ...(to.port === null ? {} : { virtualPort: to.port }) }),
    ...(protocol === undefined ? {} : { protocol: IPPROTO[protocol] }),
    ...(count === undefined ? {} : { limit: count }),
  };
}

/** ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT. */
function endpoint(text: string, option: string): { readonly address: string; readonly port: number | null } {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]+):(\d{1,5})$/.exec(text) ?? [text, text, undefined];
  const port = match[2] === undefined ? null : Number(match[2]);
  if (parseAddress(match[1]!) === null || (port !== null && port > 65535)) throw new LvsError('BadRequest', `${option} ${text} is not ADDRESS or ADDRESS:PORT`);
  return { address: match[1]!, port };
}
