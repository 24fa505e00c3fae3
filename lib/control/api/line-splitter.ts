/**
 * Cuts a byte stream into newline-ended lines. Chunks of an unfinished line are kept as they came and joined once, when its
 * newline arrives, so that a reply of many megabytes costs one copy, not one per chunk.
 */
const NEWLINE = 10;

export class LineSplitter {
  readonly #maxLineBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Calls onLine for every line that `chunk` completes. False once a line grew beyond the limit. */
  push(chunk: Buffer, onLine: (line: string) => void): boolean {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const last = chunk.subarray(from, end);
      from = end + 1;
      const line = this.#chunks.length === 0 ? last : Buffer.concat([...this.#chunks, last]);
      this.#chunks = [];
      this.#bytes = 0;
      onLine(line.toString('utf8'));
    }
    if (from < chunk.length) {
      this.#chunks.push(chunk.subarray(from));
      this.#bytes += chunk.length - from;
    }
    return this.#bytes <= this.#maxLineBytes;
  }
}
