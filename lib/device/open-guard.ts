/** Picks the guard: eBPF where the kernel has TCX (6.6) and we the permission, else nftables, else none; and says which. */
import { EbpfGuard } from './guard-ebpf.ts';
import { NftGuard, removeDeadNftGuards } from './guard-nft.ts';
import type { Guard } from './guard.ts';

export interface GuardOptions {
  readonly kind?: 'auto' | Guard['kind'];
  /** Kernel interface index of the local inject device, for replies of a NAT local node; 0 = none. */
  readonly redirectTo?: number;
}

/** Open the best guard that works here. `line` says which one, and what it means if it is not the best. */
export function openGuard(options: GuardOptions = {}): { readonly guard: Guard; readonly line: string } {
  const kind = options.kind ?? 'auto';
  const failures: string[] = [];
  removeDeadNftGuards();
  if (kind === 'auto' || kind === 'ebpf') {
    try {
      return { guard: new EbpfGuard(options.redirectTo ?? 0), line: 'guard: eBPF (TCX)' };
    } catch (error) {
      if (kind === 'ebpf') throw error;
      failures.push(`no eBPF (${(error as Error).message})`);
    }
  }
  if (kind === 'auto' || kind === 'nft') {
    try {
      return { guard: new NftGuard(), line: `guard: nftables${failures.length > 0 ? `, ${failures.join(', ')}` : ''}; NAT to a local node is not available` };
    } catch (error) {
      if (kind === 'nft') throw error;
      failures.push(`no nftables (${(error as Error).message})`);
    }
  }
  const why = failures.length > 0 ? failures.join(', ') : 'turned off';
  return { guard: NO_GUARD, line: `guard: none, ${why}: the host will answer for VIPs it owns, and route answers of NAT real servers` };
}

const NO_GUARD: Guard = { kind: 'none', widen() {}, narrow() {}, close() {} };
