/**
 * ipvsadm 1.31 from argv to output and exit status, without touching the process: the command, ipvsadm-save and ipvsadm-restore, told
 * apart by argv[0]. The caller brings the API (a socket client, or a Controller in the same process), names and standard input.
 *
 * -R reads and checks line by line as ipvsadm does, but commands that follow one another travel in one request.
 */
import { parseCommandLine, type CommandLine, type ListRequest } from '../lib/config/ipvsadm/command-line.ts';
import type { NameResolver } from '../lib/config/ipvsadm/name-resolver.ts';
import { tryHelp, UsageError } from '../lib/config/ipvsadm/usage-error.ts';
import { ruleWords } from '../lib/config/rules.ts';
import type { ApiCaller, ListedService } from '../lib/control/api/message.ts';
import type { ControlCommand } from '../lib/model/control-command.ts';
import { LvsError } from '../lib/model/errors.ts';
import { refusalText } from './kernel-messages.ts';
import { addressesOf, connectionsText } from './render/connections.ts';
import { kernelOrder, sorted } from './render/kernel-order.ts';
import { PlaceText } from './render/place-text.ts';
import { rulesText } from './render/rules.ts';
import { daemonsText, timeoutsText } from './render/settings.ts';
import { tableText } from './render/table.ts';
import { usageText, VERSION_LINE } from './usage.ts';

export interface TsipvsadmRun {
  /** With the program's name or path first. */
  readonly argv: readonly string[];
  /** Asked for only by -R and ipvsadm-restore. */
  readonly stdin: () => Promise<string>;
  readonly names: NameResolver;
  /** An LvsError where no daemon can be reached. */
  readonly api: ApiCaller | LvsError;
}

export interface TsipvsadmResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** What exit(-1) leaves of a refusal. */
const REFUSED = 255;
const NO_IPVS = 2;
const NO_SUCH_SERVICE_LISTED = 1;
const SAVE_USAGE = ': Script to save the IPVS table to stdout.\n   With the -n option, prints out the table in numeric format.\n';

export async function runTsipvsadm(run: TsipvsadmRun): Promise<TsipvsadmResult> {
  const [path = 'tsipvsadm', ...words] = run.argv;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const isSave = name.endsWith('-save');
  if (isSave && words.some((word) => word.startsWith('-') && word !== '-n')) return { stdout: '', stderr: `${name}${SAVE_USAGE}`, code: 1 };
  if (run.api instanceof LvsError) return withoutDaemon(run.api, name, words[0]);

  const session = new Session(run, isSave || name.endsWith('-restore') ? name.replace(/-(save|restore)$/, '') : path, run.api);
  try {
    if (isSave) return session.result(await session.line(words.includes('-n') ? ['-S', '-n'] : ['-S']));
    if (name.endsWith('-restore')) return session.result(await session.restoreCleared());
    return session.result(await session.line(words));
  } catch (error) {
    if (error instanceof EndOfRun) return session.result(0);
    if (error instanceof UsageError) return session.failed(error.message, error.exitStatus);
    if (error instanceof LvsError) return session.failed(refusalText(error), error.code === 'NoSuchService' ? NO_SUCH_SERVICE_LISTED : NO_IPVS);
    throw error;
  }
}

/**
 * Something that knows only ipvsadm gets ipvsadm's own words, as without the kernel module: even -h fails. A person who typed our name gets
 * help, or what is the matter and what to do.
 */
function withoutDaemon({ code, message }: LvsError, name: string, command: string | undefined): TsipvsadmResult {
  if (name.startsWith('ts')) {
    if (command === '-h' || command === '--help') return { stdout: usageText(name), stderr: '', code: 0 };
    if (command === '-v' || command === '--version') return { stdout: VERSION_LINE, stderr: '', code: 0 };
    return { stdout: '', stderr: `${message}\n`, code: NO_IPVS };
  }
  const reason = code === 'Permission' ? 'Permission denied (you must be root)' : 'Protocol not available';
  const hint = code === 'Permission' ? '' : `${message}\n`;
  return { stdout: '', stderr: `${hint}Can't initialize ipvs: ${reason}\nAre you sure that IP Virtual Server is built in the kernel or as module?\n`, code: NO_IPVS };
}

class Session {
  readonly #run: TsipvsadmRun;
  readonly #program: string;
  readonly #api: ApiCaller;
  #stdout = '';
  #stderr = '';
  #pending: ControlCommand[] = [];
  /** Exit status of the last line of -R so far. */
  #status = 0;

  constructor(run: TsipvsadmRun, program: string, api: ApiCaller) {
    this.#run = run;
    this.#program = program;
    this.#api = api;
  }

  result(code: number): TsipvsadmResult {
    return { stdout: this.#stdout, stderr: this.#stderr, code };
  }

  failed(message: string, code: number): TsipvsadmResult {
    this.#stderr += `${message}\n`;
    return this.result(code);
  }

  /** One command line; its exit status. */
  async line(words: readonly string[]): Promise<number> {
    const parsed: CommandLine = words.length === 0
      ? { kind: 'list', request: { what: 'table', service: null, options: new Set() } }
      : await parseCommandLine(words, this.#program, this.#run.names);
    if (parsed.kind === 'restore') return this.#restore(await this.#run.stdin());
    if (parsed.kind !== 'command') return this.#show(parsed);
    this.#pending.push(parsed.command);
    return this.#send();
  }

  /** What the ipvsadm-restore script does: clear, then everything but lines that begin with #. */
  async restoreCleared(): Promise<number> {
    const text = await this.#run.stdin();
    this.#pending.push({ op: 'flush' });
    return this.#restore(text.split('\n').filter((line) => !line.startsWith('#')).join('\n'));
  }

  async #restore(text: string): Promise<number> {
    for (const line of text.split('\n')) {
      const words = ruleWords(line);
      if (words.length > 0) await this.#restoreLine(words);
    }
    return this.#pending.length > 0 ? this.#send() : this.#status;
  }

  async #restoreLine(words: readonly string[]): Promise<void> {
    try {
      const parsed = await parseCommandLine(words, this.#program, this.#run.names);
      if (parsed.kind === 'command') {
        this.#pending.push(parsed.command);
        return;
      }
      await this.#send();
      if (parsed.kind === 'restore') throw tryHelp(this.#program);
      this.#status = await this.#show(parsed);
      if (parsed.kind === 'help' || parsed.kind === 'version') throw new EndOfRun();
    } catch (error) {
      await this.#send();
      if (!(error instanceof UsageError) || error.endsRun) throw error;
      this.#stderr += `${error.message}\n`;
      this.#status = error.exitStatus;
    }
  }

  /** Sends what is waiting and prints the refusals; the status of the last one. */
  async #send(): Promise<number> {
    const commands = this.#pending;
    this.#pending = [];
    if (commands.length === 0) return this.#status;
    const { results } = await this.#api.call('apply', { commands });
    for (const result of results) {
      if (!result.ok) this.#stderr += `${refusalText(result.error)}\n`;
    }
    this.#status = results.at(-1)!.ok ? 0 : REFUSED;
    return this.#status;
  }

  async #show(parsed: Exclude<CommandLine, { kind: 'command' }>): Promise<number> {
    switch (parsed.kind) {
      case 'help':
        this.#stdout += usageText(this.#program);
        break;
      case 'version':
        this.#stdout += VERSION_LINE;
        break;
      case 'save':
        this.#stdout += await this.#saved(parsed.numeric);
        break;
      case 'list':
        this.#stdout += await this.#listed(parsed.request);
        break;
    }
    return 0;
  }

  async #saved(numeric: boolean): Promise<string> {
    const { services } = await this.#api.call('list', {});
    return rulesText(sorted(kernelOrder(services)), await this.#places(numeric, servicePlaces(services)));
  }

  /** With --json: {services}, {connections}, {timeouts} or {daemons}, each as the API's method of that name answers. */
  async #listed({ what, service, options }: ListRequest): Promise<string> {
    const json = options.has('json') ? (value: object): string => `${JSON.stringify(value, null, 2)}\n` : null;
    const numeric = options.has('numeric');
    switch (what) {
      case 'timeouts': {
        const timeouts = await this.#api.call('timeouts', {});
        return json?.({ timeouts }) ?? timeoutsText(timeouts);
      }
      case 'daemons': {
        const { daemons } = await this.#api.call('daemons', {});
        return json?.({ daemons }) ?? daemonsText(daemons);
      }
      case 'connections': {
        const { connections } = await this.#api.call('connections', {});
        return json?.({ connections }) ?? connectionsText(connections, await this.#places(numeric, addressesOf(connections)), options.has('persistent-conn'));
      }
      case 'table': {
        const [info, { services }] = await Promise.all([service === null ? this.#api.call('info', {}) : null, this.#api.call('list', service === null ? {} : { id: service })]);
        const ordered = options.has('nosort') ? kernelOrder(services) : sorted(kernelOrder(services));
        return json?.({ services: ordered }) ?? tableText(ordered, options, await this.#places(numeric, servicePlaces(services)), info);
      }
    }
  }

  #places(numeric: boolean, addresses: Iterable<string>): PlaceText | Promise<PlaceText> {
    return numeric ? PlaceText.numeric() : PlaceText.named(this.#run.names, addresses);
  }
}

/** -h and -v inside -R input end the run, successfully. */
class EndOfRun extends Error {}

function servicePlaces(services: readonly ListedService[]): string[] {
  return services.flatMap(({ service: { id }, destinations }) =>
    [...(id.kind === 'address' ? [id.address] : []), ...destinations.map(({ destination }) => destination.address)]);
}
