/**
 * What every checker that talks over a network must survive, run against each of them: targets that hang, reset, close at once, flood, drip and
 * speak garbage. None may hold a probe beyond its time, throw, or keep anything open.
 */
import type { Test } from 'tap';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HealthCheck } from '../../lib/model/health-check.ts';
import { runProbe } from '../../lib/health/index.ts';
import { hostSockets } from '../../lib/health/probe-sockets.ts';

/** How a TCP target misbehaves. */
export const HOSTILE: Readonly<Record<string, (socket: Socket) => void>> = {
  hangs() {},
  resets: (socket) => void socket.resetAndDestroy(),
  closes: (socket) => void socket.end(),
  floods: (socket) => {
    const block = Buffer.alloc(65_536, 'A');
    const pour = (): void => { while (!socket.destroyed && socket.write(block)); };
    socket.on('drain', pour);
    pour();
  },
  drips: (socket) => {
    const timer = setInterval(() => socket.write('2'), 50);
    socket.on('close', () => clearInterval(timer));
  },
  garbage: (socket) => void socket.end(Buffer.from(Array.from({ length: 2000 }, (_, n) => (n * 7919 + 13) & 0xff))),
};

export class TcpTarget {
  readonly #server: Server;
  readonly sockets = new Set<Socket>();

  constructor(behave: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      behave(socket);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

export const TIMING: HealthCheck['timing'] = { intervalSec: 5, timeoutSec: 0.3, retries: 0, delayBeforeRetrySec: 1, rise: 1, warmupSec: 0, alpha: false, reentrySec: 0 };

export function healthCheck(check: HealthCheck['check'], timeoutSec = TIMING.timeoutSec): HealthCheck {
  return { check, target: {}, timing: { ...TIMING, timeoutSec }, name: check.kind };
}

/** `passesOn`: behaviours that this checker rightly accepts; `eitherOn`: those where it is a matter of who is faster. */
export function hostileCases(t: Test, check: HealthCheck['check'], passesOn: readonly string[], eitherOn: readonly string[] = [], sockets = hostSockets): void {
  for (const [name, behave] of Object.entries(HOSTILE)) {
    t.test(`${check.kind}: a target that ${name} is ${passesOn.includes(name) ? 'accepted' : 'a failure with a reason'}`, async (t) => {
      const target = new TcpTarget(behave);
      const port = await target.listen();
      const outcome = await runProbe(healthCheck(check), { address: '127.0.0.1', port }, 0, sockets);
      if (!eitherOn.includes(name)) t.equal(outcome.ok, passesOn.includes(name), outcome.error);
      t.equal(outcome.error === '', outcome.ok);
      target.close();
    });
  }
  t.test(`${check.kind}: a closed port is a failure with a reason`, async (t) => {
    const target = new TcpTarget(() => {});
    const port = await target.listen();
    target.close();
    t.match(await runProbe(healthCheck(check), { address: '127.0.0.1', port }, 0, sockets), { ok: false, error: 'connection refused' });
  });
}
