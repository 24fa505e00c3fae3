/**
 * How a reassembled datagram came: the payload length of each of its fragments in order. The kernel forwards such a datagram in pieces
 * of the same sizes, because it kept the original buffers. One object, valid while its datagram is being handled.
 */

/** 65535 bytes in units of 8. */
const MOST = 8192;

export class FragmentSizes {
  count = 0;
  readonly payload = new Int32Array(MOST);

  add(length: number): void {
    if (this.count < MOST) this.payload[this.count++] = length;
  }

  /** Whether these pieces make up `total` bytes and each fits and is a multiple of 8 but the last. */
  fits(total: number, most: number): boolean {
    let sum = 0;
    for (let i = 0; i < this.count; i++) {
      const length = this.payload[i] as number;
      if (length > most || length <= 0 || ((length & 7) !== 0 && i < this.count - 1)) return false;
      sum += length;
    }
    return sum === total && this.count > 1;
  }
}
