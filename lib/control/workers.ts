/**
 * The data plane in worker threads, seen from the control thread as a DataplaneLink. Requests go to one of them, the owner of the connections; they
 * travel over their own port and are numbered; the worker sleeps in poll, so each is followed by a signal on its eventfd. The others, forwarders,
 * only work on the owner's memory: they start when it is there and end before it goes. When any thread ends by itself all end, everything
 * waiting fails, and that is told once.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { DataplaneLink } from '../model/dataplane-link.ts';
import type { Answer, Asked, DataplaneQuestion } from '../model/dataplane-question.ts';
import { LvsError } from '../model/errors.ts';
import type { ConnectionRecord, DataplaneStats } from '../model/stats.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { TraceFilter, TraceRecord } from '../model/trace-record.ts';
import type { DeviceReport, ForwarderSetup, PlaneShare, WorkerReport, WorkerRequest, WorkerSetup } from '../model/worker-message.ts';

/** The eventfd that wakes the worker. */
export interface WakeSignal {
  readonly fd: number;
  signal(): void;
  close(): void;
}

export interface WorkerLinkOptions extends Omit<WorkerSetup, 'wakeFd' | 'posted' | 'requests' | 'forwarderFds' | 'populator'> {
  /** Path or URL of the worker's entry file. */
  readonly file: string | URL;
  readonly wake: WakeSignal;
  /** The thread that makes memory resident for the worker. */
  readonly populator: WorkerSetup['populator'] & { close(): void };
  /** Entry file of forwarders, and what wakes each. */
  readonly forwarderFile: string | URL;
  readonly forwarderWakes: readonly WakeSignal[];
  onResolve(interfaceIdx: number, address: string): void;
  /** About an interface, for the log. */
  onLine(interfaceName: string, line: string): void;
  /** The worker ended without having been asked to. */
  onCrash(reason: string): void;
}

/** A request without its number. */
type Unnumbered = WorkerRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;

interface Waiting {
  resolve(report: WorkerReport | readonly ConnectionRecord[]): void;
  reject(error: Error): void;
  readonly records: ConnectionRecord[];
}

export class WorkerLink implements DataplaneLink {
  readonly #worker: Worker;
  readonly #requests: MessagePort;
  readonly #posted: Int32Array;
  readonly #options: WorkerLinkOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  /** By number; and how many of them are still opening devices. */
  readonly #forwarders: Worker[] = [];
  readonly #forwardersEnded: Promise<void>[] = [];
  readonly #forwardersClosing = new SharedArrayBuffer(4);
  #starting = 0;
  #nextId = 1;
  #closed = false;
  #crashReason: string | null = null;
  #traceListener: ((record: TraceRecord) => void) | null = null;
  #started!: { resolve(): void; reject(error: Error): void };
  readonly #ready = new Promise<void>((resolve, reject) => (this.#started = { resolve, reject }));

  private constructor(options: WorkerLinkOptions) {
    this.#options = options;
    const channel = new MessageChannel();
    this.#requests = channel.port1;
    const posted = new SharedArrayBuffer(4);
    this.#posted = new Int32Array(posted);
    const setup: WorkerSetup = {
      device: options.device, interfaces: options.interfaces, maxConnections: options.maxConnections, connTabSize: options.connTabSize,
      ownVips: options.ownVips, local: options.local, wakeFd: options.wake.fd, posted, requests: channel.port2,
      forwarderFds: options.forwarderWakes.map(({ fd }) => fd), populator: { pipeFd: options.populator.pipeFd, wakeFd: options.populator.wakeFd },
    };
    this.#worker = new Worker(options.file, { workerData: setup, transferList: [channel.port2], name: 'tsipvs dataplane' });
    this.#worker.on('message', (report: WorkerReport) => this.#receive(report));
    this.#worker.on('error', (error: Error) => (this.#crashReason ??= error.stack ?? error.message));
    this.#ended = new Promise((resolve) => this.#worker.on('exit', async (code) => {
      await this.#endForwarders();
      this.#end(this.#crashReason ?? `the data plane ended with status ${code}`);
      resolve();
    }));
  }

  /** Resolves when the devices are open and the loop runs; a refusal (permission, no such interface) is an LvsError. */
  static async start(options: WorkerLinkOptions): Promise<WorkerLink> {
    const link = new WorkerLink(options);
    try {
      await link.#ready;
    } catch (error) {
      await link.close();
      throw error;
    }
    return link;
  }

  async apply(edits: readonly TableEdit[]): Promise<void> {
    if (edits.length > 0) await this.#ask({ op: 'apply', edits });
  }

  /** The guard has let go of what was removed. */
  async narrow(): Promise<void> {
    await this.#ask({ op: 'narrow' });
  }

  async stats(): Promise<DataplaneStats> {
    return (await this.#statsReport()).stats;
  }

  async devices(): Promise<readonly DeviceReport[]> {
    return (await this.#statsReport()).devices;
  }

  async connections(): Promise<readonly ConnectionRecord[]> {
    return (await this.#ask({ op: 'connections' })) as readonly ConnectionRecord[];
  }

  async ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    return ((await this.#ask({ op: 'ask', question, asked })) as Extract<WorkerReport, { kind: 'answer' }>).answer as Answer<Q>;
  }

  async trace(filter: TraceFilter | null): Promise<void> {
    await this.#ask({ op: 'trace', filter });
  }

  onTrace(listener: (record: TraceRecord) => void): void {
    this.#traceListener = listener;
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await this.#endForwarders();
      this.#post({ id: this.#nextId++, op: 'close' });
    }
    await this.#ended;
  }

  #startForwarders(shares: readonly PlaneShare[]): void {
    this.#starting = shares.length;
    if (shares.length === 0) this.#started.resolve();
    for (const share of shares) {
      const setup: ForwarderSetup = {
        share, workers: shares.length + 1, interfaces: this.#options.interfaces, wakeFd: this.#options.forwarderWakes[share.number]!.fd, ownerFd: this.#options.wake.fd,
        closing: this.#forwardersClosing,
      };
      const forwarder = new Worker(this.#options.forwarderFile, { workerData: setup, name: `tsipvs forwarder ${share.number + 1}` });
      this.#forwarders.push(forwarder);
      forwarder.on('message', (report: WorkerReport) => this.#receiveFromForwarder(report));
      forwarder.on('error', (error: Error) => (this.#crashReason ??= error.stack ?? error.message));
      this.#forwardersEnded.push(new Promise((resolve) => forwarder.on('exit', (code) => {
        resolve();
        if (!this.#closed && !this.#forwardersAreClosing) void this.#crash(`forwarder ${share.number + 1} of the data plane ended with status ${code}`);
      })));
    }
  }

  #receiveFromForwarder(report: WorkerReport): void {
    if (report.kind === 'line') this.#options.onLine(report.interface, report.line);
    else if (report.kind === 'ready' && --this.#starting === 0) this.#started.resolve();
    else if (report.kind === 'crashed') this.#crashReason = report.message;
    else if (report.kind === 'refused') this.#started.reject(new LvsError(report.code, report.message));
  }

  get #forwardersAreClosing(): boolean {
    return Atomics.load(new Int32Array(this.#forwardersClosing), 0) !== 0;
  }

  /** They hold views of the owner's memory. */
  async #endForwarders(): Promise<void> {
    if (Atomics.exchange(new Int32Array(this.#forwardersClosing), 0, 1) === 0) for (const wake of this.#options.forwarderWakes) wake.signal();
    await Promise.all(this.#forwardersEnded);
  }

  /** One thread has ended by itself: so do the others. */
  async #crash(reason: string): Promise<void> {
    this.#crashReason ??= reason;
    await this.#endForwarders();
    const terminated = this.#worker.terminate();
    // Out of poll(2), where it cannot be stopped.
    this.#options.wake.signal();
    await terminated;
  }

  async #statsReport(): Promise<Extract<WorkerReport, { kind: 'stats' }>> {
    return (await this.#ask({ op: 'stats' })) as Extract<WorkerReport, { kind: 'stats' }>;
  }

  #ask(request: Unnumbered): Promise<WorkerReport | readonly ConnectionRecord[]> {
    if (this.#closed) return Promise.reject(new LvsError('NotRunning', 'the data plane has ended'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, records: [] });
      this.#post({ ...request, id } as WorkerRequest);
    });
  }

  #post(request: WorkerRequest): void {
    this.#requests.postMessage(request);
    Atomics.add(this.#posted, 0, 1);
    this.#options.wake.signal();
  }

  #receive(report: WorkerReport): void {
    switch (report.kind) {
      case 'ready':
        this.#startForwarders(report.shares);
        return;
      case 'refused':
        this.#closed = true;
        this.#started.reject(new LvsError(report.code, report.message));
        return;
      case 'trace':
        this.#traceListener?.(report.record);
        return;
      case 'resolve':
        this.#options.onResolve(report.interfaceIdx, report.address);
        return;
      case 'line':
        this.#options.onLine(report.interface, report.line);
        return;
      case 'crashed':
        this.#crashReason = report.message;
        return;
      case 'connections':
        this.#collect(report);
        return;
      case 'failed':
        this.#take(report.id)?.reject(new LvsError('Internal', report.message));
        return;
      case 'done':
      case 'stats':
      case 'answer':
        this.#take(report.id)?.resolve(report);
    }
  }

  #collect(report: Extract<WorkerReport, { kind: 'connections' }>): void {
    const waiting = this.#waiting.get(report.id);
    if (waiting === undefined) return;
    for (const record of report.records) waiting.records.push(record);
    if (report.last) this.#take(report.id)?.resolve(waiting.records);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #end(reason: string): void {
    const asked = this.#closed;
    this.#closed = true;
    this.#requests.close();
    this.#options.wake.close();
    this.#options.populator.close();
    for (const wake of this.#options.forwarderWakes) wake.close();
    this.#started.reject(new LvsError('Internal', reason));
    for (const waiting of this.#waiting.values()) waiting.reject(new LvsError('Internal', reason));
    this.#waiting.clear();
    if (!asked) this.#options.onCrash(reason);
  }
}
