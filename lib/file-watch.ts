/** Tells when one of some files changed, by looking at their times and sizes: works on every file system, and for files that an editor replaces. */
import { statSync } from 'node:fs';

export class FileWatch {
  readonly #files: readonly string[];
  readonly #timer: NodeJS.Timeout;
  #seen: string;

  constructor(files: readonly string[], intervalMs: number, changed: () => void) {
    this.#files = files;
    this.#seen = this.#look();
    this.#timer = setInterval(() => {
      const now = this.#look();
      if (now === this.#seen) return;
      this.#seen = now;
      changed();
    }, intervalMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    return this.#files.map((file) => {
      try {
        const { mtimeMs, size, ino } = statSync(file);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        // It is gone, perhaps only until it is written again.
        return 'none';
      }
    }).join();
  }
}
