/** Where tables lie: memory from elsewhere, or the heap. */

/** Zeroed memory from elsewhere: huge pages spare most of the address translation that random places in a large table cost. */
export type Allocate = (bytes: number) => { readonly buffer: ArrayBufferLike; release(): void };

export function int32Array(length: number, allocate: Allocate | null | undefined): Int32Array {
  return allocate == null ? new Int32Array(length) : new Int32Array(allocate(length * Int32Array.BYTES_PER_ELEMENT).buffer, 0, length);
}

export function float64Array(length: number, allocate: Allocate | null | undefined): Float64Array {
  return allocate == null ? new Float64Array(length) : new Float64Array(allocate(length * Float64Array.BYTES_PER_ELEMENT).buffer, 0, length);
}
