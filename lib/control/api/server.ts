/**
 * The API's server end: a unix socket, strict parsing into model types, one handler a method. A connection's requests are answered
 * in the order they came; connections do not wait for each other.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { LvsError } from '../../model/errors.ts';
import { asObject, badRequest } from './fields.ts';
import { LineSplitter } from './line-splitter.ts';
import type { ApiEvent, ApiMethod, ApiMethods } from './message.ts';
import { writeReply } from './reply.ts';
import { isMethod, parseParams } from './request.ts';
import { refuseLongSocketPath } from './socket-length.ts';

/** 10,000 commands are about 3 MB. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** A reader of events that falls this far behind loses records instead of filling the daemon's memory. */
const MAX_EVENT_BACKLOG_BYTES = 4 * 1024 * 1024;

/** With less than this waiting for it a reader counts as keeping up. */
const READY_BACKLOG_BYTES = 256 * 1024;

/** The caller's connection, for handlers that go on sending after their reply (trace, events). */
export interface ApiSession {
  /** False: it is lost, because the caller reads too slowly. */
  event(record: ApiEvent): boolean;
  /** Whether events given now reach the caller soon: false while it is slow to read. */
  ready(): boolean;
  onClose(listener: () => void): void;
}

export type ApiHandlers = { readonly [M in ApiMethod]: (params: ApiMethods[M][0], session: ApiSession) => Promise<ApiMethods[M][1]> };

export class ApiServer {
  readonly #handlers: ApiHandlers;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #path: string | null = null;

  constructor(handlers: ApiHandlers) {
    this.#handlers = handlers;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Mode 0600, or 0660 when a group is named. A dead daemon's socket file is replaced, a live one refused. */
  async listen(path: string, options: { group?: string | undefined } = {}): Promise<void> {
    refuseLongSocketPath(path);
    const groupId = options.group === undefined ? -1 : lookupGroup(options.group);
    makeDirectory(dirname(path));
    await removeStale(path);
    const listening = new Promise<void>((resolve, reject) => {
      this.#server.once('listening', resolve);
      this.#server.once('error', (error) => reject(listenError(error, path)));
    });
    // NB: bind happens inside listen(), so the socket is never open to others, not even between bind and chmod.
    const oldMask = process.umask(0o177);
    try {
      this.#server.listen(path);
    } finally {
      process.umask(oldMask);
    }
    await listening;
    this.#path = path;
    if (groupId >= 0) {
      chownSync(path, process.getuid!(), groupId);
      chmodSync(path, 0o660);
    }
  }

  /** Closes every connection and removes the socket file. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#path === null) return;
    this.#path = null;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const splitter = new LineSplitter(MAX_REQUEST_BYTES);
    let tail: Promise<unknown> = Promise.resolve();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const fits = splitter.push(chunk, (line) => {
        if (line.trim() !== '') tail = tail.then(() => this.#answer(socket, line));
      });
      if (!fits) socket.destroy();
    });
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    let id = 0;
    try {
      const request = parseRequest(line);
      id = request.id;
      if (!isMethod(request.method)) throw badRequest('method', `${JSON.stringify(request.method)} is not a method of this API`);
      await writeReply(socket, id, await this.#call(request.method, request.params, socket, id));
    } catch (error) {
      const failure = error instanceof LvsError ? { code: error.code, message: error.message } : { code: 'Internal', message: (error as Error).message };
      if (!socket.destroyed) socket.write(`${JSON.stringify({ id, error: failure })}\n`);
    }
  }

  #call<M extends ApiMethod>(method: M, params: unknown, socket: Socket, id: number): Promise<ApiMethods[M][1]> {
    return this.#handlers[method](parseParams(method, params), {
      event(record) {
        if (socket.destroyed || socket.writableLength >= MAX_EVENT_BACKLOG_BYTES) return false;
        socket.write(`${JSON.stringify({ id, event: record })}\n`);
        return true;
      },
      ready: () => !socket.destroyed && socket.writableLength < READY_BACKLOG_BYTES,
      onClose(listener) {
        if (socket.destroyed) listener();
        else socket.once('close', listener);
      },
    });
  }
}

function parseRequest(line: string): { id: number; method: unknown; params: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badRequest('', 'not JSON');
  }
  const { id, method, params, ...unknown } = asObject(value, '');
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw badRequest('id', 'must be an integer');
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) throw badRequest(extra, 'unknown field');
  return { id, method, params: params ?? {} };
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, path);
  }
}

async function removeStale(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch {
    return;
  }
  if (!isSocket) throw new LvsError('InvalidOperation', `${path} exists and is not a socket: name another with --socket`);
  const problem = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(null);
    });
    probe.once('error', resolve);
  });
  if (problem?.code === 'EACCES') throw listenError(problem, path);
  if (problem?.code !== 'ECONNREFUSED' && problem?.code !== 'ENOENT') throw new LvsError('DaemonRunning', `another tsipvsd already listens at ${path}: stop it, or name another socket with --socket`);
  rmSync(path, { force: true });
}

function lookupGroup(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const line = readFileSync('/etc/group', 'utf8').split('\n').find((entry) => entry.startsWith(`${name}:`));
  if (line === undefined) throw new LvsError('BadRequest', `no group ${name} in /etc/group: name an existing one with --socket-group`);
  return Number(line.split(':')[2]);
}

function listenError(error: NodeJS.ErrnoException, path: string): LvsError {
  if (error.code === 'EACCES' || error.code === 'EPERM') return new LvsError('Permission', `no permission to create ${path}: be root, or name another socket with --socket`);
  if (error.code === 'EADDRINUSE') return new LvsError('DaemonRunning', `another tsipvsd already listens at ${path}`);
  return new LvsError('InvalidOperation', `cannot listen at ${path}: ${error.message}`);
}
