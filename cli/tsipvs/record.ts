/** `tsipvs record`: the connections of services of a running director into a file, a line each as they end (lib/model/flow-record.ts). */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import type { ApiClient } from '../../lib/control/api/client.ts';
import type { RecordingEvent } from '../../lib/control/api/message.ts';
import { LvsError } from '../../lib/model/errors.ts';
import { FLOW_FORMAT, FLOW_VERSION, type FlowEnd, type FlowHeader, type FlowRecord } from '../../lib/model/flow-record.ts';
import { serviceKey, type ServiceId } from '../../lib/model/virtual-service.ts';
import { Anonymiser } from './anonymiser.ts';
import { connectToDaemon } from './daemon.ts';
import { parseDuration } from './drain.ts';
import { findService, SERVICE_HELP } from './place.ts';

const STDOUT = '-';
const LEAST_KEY_BYTES = 16;

interface Args { service: string[]; output: string; duration?: string | undefined; limit?: number | undefined; anonymise: boolean; keyFile?: string | undefined }

export const recordCommand: CommandModule<object, Args> = {
  command: 'record', describe: 'Connections of services into a file: arrivals, clients, lengths, packets, bytes, servers',
  builder: (yargs) => yargs
    .option('service', { alias: 's', type: 'string', array: true, requiresArg: true, demandOption: true, describe: `${SERVICE_HELP}; may be given several times` })
    .option('output', { alias: 'o', type: 'string', requiresArg: true, demandOption: true, describe: 'File, - for standard output' })
    .option('duration', { type: 'string', requiresArg: true, describe: 'End after this long, for example 30s, 5m, 1h; else at Ctrl-C' })
    .option('limit', { type: 'number', requiresArg: true, describe: 'End after so many connections' })
    .option('anonymise', { type: 'boolean', default: false, describe: 'Stand-ins for client addresses; those of one /24 (IPv6: /64) stay together' })
    .option('key-file', { type: 'string', requiresArg: true, describe: 'Its bytes are the key of the stand-ins, so that recordings can be compared; else a random one' }) as never,
  handler: async ({ service, output, duration, limit, anonymise, keyFile }) => {
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) throw new LvsError('BadRequest', `--limit ${limit} is not a number above 0`);
    const durationMs = duration === undefined ? undefined : parseDuration(duration);
    const anonymiser = anonymise || keyFile !== undefined ? new Anonymiser(readKey(keyFile)) : null;
    const client = await connectToDaemon();
    try {
      const services = await Promise.all(service.map((text) => findService(client, text)));
      // NB: written in place, not through a stream: while the disk is slow the socket is not read, and the director counts what it could not hand over.
      const fd = output === STDOUT ? 1 : openSync(output, 'w', 0o644);
      try {
        const end = await record(client, { services, durationMs, limit, anonymiser, write: (text) => void writeSync(fd, text) }, (finish) => {
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, finish);
        });
        process.stderr.write(`${end.records} ${end.records === 1 ? 'connection' : 'connections'} in ${(end.durationMs / 1000).toFixed(1)} s${output === STDOUT ? '' : ` to ${output}`}, ${end.lost} lost\n`);
      } finally {
        if (fd !== 1) closeSync(fd);
      }
    } finally {
      client.close();
    }
  },
};

export interface RecordOptions {
  readonly services: readonly ServiceId[];
  readonly durationMs?: number | undefined;
  readonly limit?: number | undefined;
  readonly anonymiser: Anonymiser | null;
  write(text: string): void;
}

/** Writes the whole recording; `onStart` gets a function that ends it early. */
export async function record(client: Pick<ApiClient, 'stream' | 'call'>, { services, durationMs, limit, anonymiser, write }: RecordOptions, onStart: (finish: () => void) => void): Promise<FlowEnd> {
  let ended!: { resolve: (end: FlowEnd) => void; reject: (error: Error) => void };
  const end = new Promise<FlowEnd>((resolve, reject) => (ended = { resolve, reject }));
  // It may fail before anybody waits for it.
  end.catch(() => {});
  const header: FlowHeader = { format: FLOW_FORMAT, version: FLOW_VERSION, startedAt: new Date().toISOString(), services: services.map(serviceKey), anonymised: anonymiser !== null };
  write(`${JSON.stringify(header)}\n`);
  const line = (flow: FlowRecord): string => `${JSON.stringify(anonymiser === null ? flow : { ...flow, client: anonymiser.address(flow.client) })}\n`;
  const onEvent = (event: RecordingEvent): void => {
    try {
      if ('records' in event) write(event.records.map(line).join(''));
      else {
        write(`${JSON.stringify(event.end)}\n`);
        ended.resolve(event.end);
      }
    } catch (error) {
      ended.reject(error as Error);
    }
  };
  const request = { services, ...(limit === undefined ? {} : { limit }) };
  const { recording } = await client.stream('record', { request, ...(durationMs === undefined ? {} : { durationMs }) }, onEvent, () => ended.reject(new LvsError('NotRunning', 'the director ended')));
  onStart(() => { client.call('endRecording', { recording }).catch(ended.reject); });
  return end;
}

function readKey(file: string | undefined): Buffer {
  if (file === undefined) return randomBytes(32);
  const key = readFileSync(file);
  if (key.length < LEAST_KEY_BYTES) throw new LvsError('BadRequest', `${file} holds ${key.length} bytes: a key has ${LEAST_KEY_BYTES} or more`);
  return key;
}
