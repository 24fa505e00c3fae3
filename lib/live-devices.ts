/**
 * Which of the chosen interfaces get the xdp device: puts them under an XDP filter, or says in one line each why packet sockets do it.
 *
 *   auto         native XDP, but packet sockets on virtual interfaces, where super-frames are worth more than short frames
 *   xdp          native XDP wherever it can be had; never the generic kind unasked, which is slower than packet sockets for much
 *   xdp-generic  the kernel's generic XDP, on any driver
 */
import { LvsError } from './model/errors.ts';
import type { NetworkInterface } from './model/network-state.ts';
import { XdpFilter } from './device/xdp-filter.ts';
import { whyNotXdp, whyPacket } from './device/xdp-suitability.ts';

export type LiveDevice = 'auto' | 'packet' | 'xdp' | 'xdp-generic' | 'pcap';

export interface LiveDevices {
  /** Null: no interface is under XDP. */
  readonly filter: XdpFilter | null;
  /** Why an interface has no XDP though it was asked for. */
  readonly lines: readonly { readonly interface: string; readonly line: string }[];
}

export function chooseDevices(device: LiveDevice, interfaces: readonly NetworkInterface[]): LiveDevices {
  if (device === 'packet' || device === 'pcap') return { filter: null, lines: [] };
  const lines: { interface: string; line: string }[] = [];
  const wanted = interfaces.filter(({ name }) => {
    const why = (device === 'auto' ? whyPacket(name) : null) ?? whyNotXdp(name);
    if (why !== null) lines.push(line(name, why));
    return why === null;
  });
  if (wanted.length === 0) return { filter: null, lines };
  const filter = openFilter(wanted, lines);
  if (filter === null) return { filter, lines };
  for (const entry of wanted) {
    try {
      filter.attach(entry, device === 'xdp-generic');
    } catch (error) {
      if (!(error instanceof LvsError)) throw error;
      lines.push(line(entry.name, error.message));
    }
  }
  if (wanted.some(({ name }) => filter.has(name))) return { filter, lines };
  filter.close();
  return { filter: null, lines };
}

function openFilter(wanted: readonly NetworkInterface[], lines: { interface: string; line: string }[]): XdpFilter | null {
  try {
    return new XdpFilter();
  } catch (error) {
    lines.push(...wanted.map(({ name }) => line(name, `no bpf(2) (${(error as Error).message})`)));
    return null;
  }
}

function line(name: string, why: string): { interface: string; line: string } {
  return { interface: name, line: `packet on ${name}, not xdp: ${why}` };
}
