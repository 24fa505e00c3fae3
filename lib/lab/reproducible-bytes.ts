/** What the laboratory's servers send for /bytes/N: reproducible, different in every block, so that a hash finds any mix-up. */
import { createHash } from 'node:crypto';

export const BLOCK_BYTES = 1 << 20;

/** Successive blocks of the first `total` bytes. */
export function* reproducibleBytes(total: number): Generator<Buffer> {
  const seed = seedBlock();
  for (let n = 0, left = total; left > 0; n++, left -= BLOCK_BYTES) {
    const bytes = Buffer.from(seed);
    for (let off = 0; off < BLOCK_BYTES; off += 4096) bytes.writeUInt32BE(n, off);
    yield bytes.subarray(0, Math.min(left, BLOCK_BYTES));
  }
}

export function reproducibleSha256(total: number): string {
  const hash = createHash('sha256');
  for (const bytes of reproducibleBytes(total)) hash.update(bytes);
  return hash.digest('hex');
}

function seedBlock(): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  let digest = createHash('sha256').update('tsipvs').digest();
  for (let off = 0; off < BLOCK_BYTES; off += 32) {
    digest = createHash('sha256').update(digest).digest();
    digest.copy(bytes, off);
  }
  return bytes;
}
