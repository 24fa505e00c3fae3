/**
 * Writing classic pcap: little-endian, nanosecond time stamps if asked for, Ethernet. Bytes go out in chunks through a function, so that
 * a file, a pipe or a test's array can take them.
 */
import { LINKTYPE_ETHERNET, LONGEST_FRAME, MAGIC_MICROSECONDS, MAGIC_NANOSECONDS } from './capture.ts';

const CHUNK_BYTES = 1 << 20;

export class CaptureWriter {
  /** Frames written. */
  frames = 0;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #nanoseconds: boolean;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  readonly #view = new DataView(this.#chunk.buffer);
  #used = 0;

  constructor(write: (bytes: Uint8Array) => void, { nanoseconds = true }: { nanoseconds?: boolean } = {}) {
    this.#write = write;
    this.#nanoseconds = nanoseconds;
    // Global header: magic, version 2.4, two unused words, snap length, link type.
    for (const word of [nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, 0x0004_0002, 0, 0, LONGEST_FRAME, LINKTYPE_ETHERNET]) this.#word(word);
  }

  frame(seconds: number, nanoseconds: number, bytes: Uint8Array, off: number, len: number): void {
    if (this.#used + 16 + len > CHUNK_BYTES) this.flush();
    this.#word(seconds);
    this.#word(this.#nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000));
    this.#word(len);
    this.#word(len);
    this.#chunk.set(bytes.subarray(off, off + len), this.#used);
    this.#used += len;
    this.frames++;
  }

  /** Hand over what is buffered; call at the end. */
  flush(): void {
    if (this.#used > 0) this.#write(this.#chunk.subarray(0, this.#used));
    this.#used = 0;
  }

  #word(value: number): void {
    this.#view.setUint32(this.#used, value, true);
    this.#used += 4;
  }
}
