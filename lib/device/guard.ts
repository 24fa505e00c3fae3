/**
 * The guard keeps what is ours from the host's own stack: else the host would answer VIP traffic itself (RST, port unreachable), or route
 * the answers of NAT real servers as they are. Packet sockets see every frame before the guard drops it. Which frames: guard-policy.ts.
 *
 * Edits are given to widen() before the data plane applies them and take effect at once as far as they add; narrow() takes away what
 * they removed, once the data plane has forgotten it too.
 */
import type { TableEdit } from '../model/table-edit.ts';

export interface Guard {
  readonly kind: 'ebpf' | 'nft' | 'none';
  /** All table edits, in order; those about the network say which interfaces to guard. */
  widen(edits: readonly TableEdit[]): void;
  narrow(): void;
  close(): void;
}
