/**
 * The notify FIFO: a named pipe that is made if it is not there. It is kept open for reading and writing without blocking, so that lines wait
 * in the pipe for a reader that comes late; when the pipe is full, lines are lost and counted, never waited for.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs';

export class FifoWriter {
  readonly path: string;
  readonly #fd: number;
  lost = 0;

  /** Throws when it cannot be made or is something else. */
  constructor(path: string) {
    this.path = path;
    let exists = true;
    try {
      if (!lstatSync(path).isFIFO()) throw new Error(`${path} exists and is not a FIFO: name another for notifications`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      exists = false;
    }
    if (!exists) execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  write(line: string): void {
    try {
      writeSync(this.#fd, `${line}\n`);
    } catch {
      this.lost++;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
