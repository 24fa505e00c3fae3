/**
 * One director per interface: two would both answer every packet. The lock is a listening socket with an abstract name, which is scoped to the network
 * namespace and vanishes with the process even on kill -9. Whoever connects is told the owner's process id.
 */
import { connect, createServer, type Server } from 'node:net';
import { LvsError } from '../model/errors.ts';

export class InterfaceLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async take(name: string, ifindex: number): Promise<InterfaceLock> {
    const path = `\0tsipvsd/interface/${ifindex}`;
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(`${process.pid}\n`);
    });
    const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once('error', resolve);
      server.listen(path, () => resolve(null));
    });
    if (failure === null) {
      server.unref();
      return new InterfaceLock(server);
    }
    if (failure.code !== 'EADDRINUSE') throw new LvsError('Internal', `cannot lock interface ${name}: ${failure.message}`);
    const owner = await ownerOf(path);
    throw new LvsError('DaemonRunning', `interface ${name} is in use by another tsipvsd${owner === '' ? '' : ` (process ${owner})`}: stop it, or name other interfaces with --interface`);
  }

  async release(): Promise<void> {
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function ownerOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    socket.setTimeout(500, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(/^\d+/.exec(text)?.[0] ?? ''));
  });
}
