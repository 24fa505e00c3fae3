/**
 * The API's client end: what tsipvsadm and tsipvs talk to the daemon through. Kept small, with node:net as its only import beside
 * ours, because every tsipvsadm invocation pays for loading it.
 */
import { connect, type Socket } from 'node:net';
import { LvsError } from '../../model/errors.ts';
import type { HealthEvent } from '../../model/health-state.ts';
import type { TraceFilter, TraceRecord } from '../../model/trace-record.ts';
import { LineSplitter } from './line-splitter.ts';
import { DEFAULT_SOCKET, type ApiCaller, type ApiEvents, type ApiMethod, type ApiMethods, type ApiResponse } from './message.ts';
import { refuseLongSocketPath } from './socket-length.ts';

/** No reply is larger; a million connections in JSON are about 300 MB, and V8's longest string is 512 MB. */
const MAX_REPLY_BYTES = 500 * 1024 * 1024;

/** The socket to use: TSIPVS_SOCKET of the environment given, or the default. */
export function socketPath(environment: Readonly<Record<string, string | undefined>>): string {
  return environment['TSIPVS_SOCKET'] || DEFAULT_SOCKET;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly onEvent: ((record: never) => void) | null;
  readonly onEnd: (() => void) | null;
}

export class ApiClient implements ApiCaller {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #splitter = new LineSplitter(MAX_REPLY_BYTES);
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on('data', (chunk: Buffer) => {
      if (!this.#splitter.push(chunk, (line) => this.#receive(line))) {
        this.#fail(new LvsError('Internal', `reply from ${path} is larger than ${MAX_REPLY_BYTES} bytes`));
        socket.destroy();
      }
    });
    socket.on('error', (error) => this.#fail(connectionError(error, path)));
    socket.on('close', () => this.#fail(new LvsError('NotRunning', `tsipvsd at ${path} closed the connection`)));
  }

  /** Refused with NotRunning (no daemon) or Permission, in one line that names the socket and the way out. */
  static connect(path: string): Promise<ApiClient> {
    return new Promise((resolve, reject) => {
      refuseLongSocketPath(path);
      const socket = connect(path);
      const refused = (error: Error): void => reject(connectionError(error, path));
      socket.once('error', refused);
      socket.once('connect', () => {
        socket.off('error', refused);
        resolve(new ApiClient(socket, path));
      });
    });
  }

  call<M extends ApiMethod>(method: M, params: ApiMethods[M][0]): Promise<ApiMethods[M][1]> {
    return this.#request(method, params, null, null);
  }

  /** Start a subscription; what it sends arrives through onEvent until its own end, close(), or the daemon's end (onEnd). */
  stream<M extends keyof ApiEvents>(method: M, params: ApiMethods[M][0], onEvent: (event: ApiEvents[M]) => void, onEnd: () => void = () => {}): Promise<ApiMethods[M][1]> {
    return this.#request(method, params, onEvent, onEnd);
  }

  /** Start the decision trace; records arrive through onEvent until close(), the filter's limit, or the daemon's end (onEnd). */
  subscribe(filter: TraceFilter, onEvent: (record: TraceRecord) => void, onEnd: () => void = () => {}): Promise<{ started: true }> {
    return this.stream('trace', { filter }, onEvent, onEnd);
  }

  /** What happens to services and real servers; events arrive until close() or the daemon's end (onEnd). */
  follow(onEvent: (event: HealthEvent) => void, onEnd: () => void = () => {}): Promise<{ started: true }> {
    return this.stream('events', {}, onEvent, onEnd);
  }

  close(): void {
    this.#socket.destroy();
  }

  #request<M extends ApiMethod>(method: M, params: ApiMethods[M][0], onEvent: Waiting['onEvent'], onEnd: Waiting['onEnd']): Promise<ApiMethods[M][1]> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new LvsError('NotRunning', `the connection to ${this.#path} is closed`));
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, onEvent, onEnd });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  #receive(line: string): void {
    let response: ApiResponse;
    try {
      response = JSON.parse(line) as ApiResponse;
    } catch {
      this.#fail(new LvsError('Internal', `${this.#path} did not answer in tsipvsd's protocol: is it another program's socket?`));
      this.#socket.destroy();
      return;
    }
    const waiting = this.#waiting.get(response.id);
    if (waiting === undefined) return;
    if ('event' in response) {
      waiting.onEvent?.(response.event as never);
      return;
    }
    if (waiting.onEvent === null || 'error' in response) this.#waiting.delete(response.id);
    if ('error' in response) waiting.reject(new LvsError(response.error.code, response.error.message));
    else waiting.resolve(response.result as never);
  }

  #fail(error: Error): void {
    const failed = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of failed) {
      waiting.reject(error);
      waiting.onEnd?.();
    }
  }
}

function connectionError(error: Error, path: string): LvsError {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return new LvsError('Permission', `no permission to use ${path}: be root, or in the group that tsipvsd --socket-group names`);
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new LvsError('NotRunning', `no director is running: no tsipvsd listens at ${path} (start one with: tsipvsd --socket ${path})`);
    default:
      return new LvsError('NotRunning', `cannot reach tsipvsd at ${path}: ${error.message}`);
  }
}
