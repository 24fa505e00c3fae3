/**
 * Tells the world: notify scripts, the FIFO, the FIFO's script, a webhook and mail. Nothing here can hold anything up or throw: effects run by
 * themselves with time limits, and what goes wrong is one line for the log.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredGlobals, Script } from '../model/desired-configuration.ts';
import { commandWords } from './command-words.ts';
import { FifoWriter } from './fifo-writer.ts';
import { sendMail } from './mail.ts';
import { fifoLine, serverText, serviceText, subjectOf, type Notice } from './notice.ts';
import { runProgram } from './run-program.ts';

const WEBHOOK_LIMIT_MS = 5_000;
/** `lastMs`: at the end, what is on its way gets this long. */
const LIMITS = { scriptMs: 60_000, lastMs: 3_000 };
/** Webhook calls and mails on their way at once; a storm beyond that is counted and dropped. */
const MAX_ON_THE_WAY = 32;

export type NotifierGlobals = Pick<DesiredGlobals, 'fifo' | 'fifoScript' | 'webhook' | 'smtp'>;

export interface Notifier {
  notify(notice: Notice): void;
  /** The settings of a configuration that was read (again). */
  use(globals: NotifierGlobals): void;
  /** How many FIFO lines, webhook calls and mails did not arrive. */
  readonly lost: number;
  /** Resolves when what is on its way has arrived, or will not any more. */
  close(): Promise<void>;
}

export class HostNotifier implements Notifier {
  readonly #limits: typeof LIMITS;
  readonly #problem: (message: string) => void;
  #globals: NotifierGlobals = { fifo: null, fifoScript: null, webhook: null, smtp: null };
  #fifo: FifoWriter | null = null;
  #fifoReader: AbortController | null = null;
  readonly #onTheWay = new Set<Promise<void>>();
  #lost = 0;

  constructor(problem: (message: string) => void, limits: typeof LIMITS = LIMITS) {
    this.#limits = limits;
    this.#problem = problem;
  }

  get lost(): number {
    return this.#lost + (this.#fifo?.lost ?? 0);
  }

  use(globals: NotifierGlobals): void {
    this.#globals = globals;
    if (this.#fifo?.path === (globals.fifo ?? undefined)) return;
    this.#closeFifo();
    if (globals.fifo === null) return;
    try {
      this.#fifo = new FifoWriter(globals.fifo);
    } catch (error) {
      this.#problem(`no notifications in ${globals.fifo}: ${(error as Error).message}`);
      return;
    }
    if (globals.fifoScript === null) return;
    const { command, user, group } = globals.fifoScript;
    this.#fifoReader = new AbortController();
    void runProgram([...commandWords(command), globals.fifo], { signal: this.#fifoReader.signal, user, group }).then(({ status, problem }) => {
      if (this.#fifoReader !== null) this.#problem(`the FIFO's script ended: ${problem || `status ${status}`}`);
    });
  }

  notify(notice: Notice): void {
    const script = scriptOf(notice);
    if (script !== null) this.#run(script);
    this.#fifo?.write(fifoLine(notice));
    const { webhook, smtp } = this.#globals;
    if (webhook !== null) this.#send(`webhook ${webhook}`, () => callWebhook(webhook, notice));
    if (smtp !== null && wantsMail(notice)) this.#send('mail', () => sendMail(smtp, { subject: subjectOf(notice), text: `=> ${notice.cause} <=`, date: new Date() }));
  }

  async close(): Promise<void> {
    this.#closeFifo();
    if (this.#onTheWay.size === 0) return;
    const limit = new AbortController();
    await Promise.race([Promise.all(this.#onTheWay), sleep(this.#limits.lastMs, undefined, { signal: limit.signal }).catch(() => {})]);
    limit.abort();
  }

  #run({ command, user, group }: Script): void {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.#limits.scriptMs);
    timer.unref();
    void runProgram(commandWords(command), { signal: limit.signal, user, group }).then(({ problem }) => {
      clearTimeout(timer);
      if (problem !== '') this.#problem(`notify script: ${problem}`);
    });
  }

  #send(what: string, send: () => Promise<void>): void {
    if (this.#onTheWay.size >= MAX_ON_THE_WAY) {
      this.#lost++;
      return this.#problem(`${what}: too many on the way, one is dropped`);
    }
    const sent = send().catch((error: Error) => {
      this.#lost++;
      this.#problem(`${what}: ${reasonOf(error)}`);
    }).finally(() => this.#onTheWay.delete(sent));
    this.#onTheWay.add(sent);
  }

  #closeFifo(): void {
    const reader = this.#fifoReader;
    this.#fifoReader = null;
    reader?.abort();
    this.#lost += this.#fifo?.lost ?? 0;
    this.#fifo?.close();
    this.#fifo = null;
  }
}

export function wantsMail(notice: Notice): boolean {
  return notice.kind === 'server' ? notice.server.smtpAlert : notice.service.policy.smtpAlert;
}

export function scriptOf(notice: Notice): Script | null {
  if (notice.kind === 'server') return notice.up ? notice.server.notifyUp : notice.server.notifyDown;
  return notice.up ? notice.service.policy.quorumUp : notice.service.policy.quorumDown;
}

/** What a webhook gets: `text` is what Mattermost and Slack show. */
export function webhookBody(notice: Notice): object {
  const server = notice.kind === 'server' ? serverText(notice.service, notice.server) : null;
  const state = notice.up ? 'UP' : 'DOWN';
  const what = server === null ? `Virtual service ${serviceText(notice.service)}` : `Real server ${server} of ${serviceText(notice.service)}`;
  return { text: `${what} is ${state}: ${notice.cause}`, kind: notice.kind, service: serviceText(notice.service), server, state, cause: notice.cause };
}

/** fetch() keeps what went wrong in the cause of "fetch failed". */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

async function callWebhook(url: string, notice: Notice): Promise<void> {
  const response = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(webhookBody(notice)), signal: AbortSignal.timeout(WEBHOOK_LIMIT_MS), redirect: 'error',
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`answered ${response.status}`);
}
