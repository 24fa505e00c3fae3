/** Where tables lie: memory from elsewhere, or the heap; and who clears it. */

/** Zeroed memory from elsewhere: huge pages spare most of the address translation that random places in a large table cost. */
export type Allocate = (bytes: number) => { readonly buffer: ArrayBufferLike; release(): void };

/**
 * Have elements begin .. end - 1 of `words` made resident by somebody else, without waiting for it. The system clears a page when it is first touched, which for a
 * huge page takes milliseconds. What was asked for too late, or cannot be done, whoever touches it first waits for.
 */
export type Populate = (words: Int32Array, begin: number, end: number) => void;

export function int32Array(length: number, allocate: Allocate | null | undefined): Int32Array {
  return allocate == null ? new Int32Array(length) : new Int32Array(allocate(length * Int32Array.BYTES_PER_ELEMENT).buffer, 0, length);
}

export function float64Array(length: number, allocate: Allocate | null | undefined): Float64Array {
  return allocate == null ? new Float64Array(length) : new Float64Array(allocate(length * Float64Array.BYTES_PER_ELEMENT).buffer, 0, length);
}
