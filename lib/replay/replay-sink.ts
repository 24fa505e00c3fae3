/** Where the director's frames go in a replay: into the output captures, or into counts. */
import type { PcapFileDevice } from '../device/pcap-file.ts';
import type { FrameMemory, FrameSink } from '../wire/frame.ts';

export class ReplaySink implements FrameSink {
  transmitted = 0;
  passed = 0;
  delivered = 0;
  readonly unresolved = new Set<string>();
  readonly #byInterface: (PcapFileDevice | undefined)[] = [];

  constructor(attached: readonly { readonly interfaceIdx: number; readonly device: PcapFileDevice }[]) {
    for (const { interfaceIdx, device } of attached) this.#byInterface[interfaceIdx] = device;
  }

  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number): void {
    this.transmitted++;
    this.#byInterface[interfaceIdx]?.transmit(memory, off, len);
  }

  pass(): void {
    this.passed++;
  }

  deliver(): void {
    this.delivered++;
  }

  resolve(_interfaceIdx: number, address: string): void {
    this.unresolved.add(address);
  }
}
