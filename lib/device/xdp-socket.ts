/**
 * One AF_XDP socket: one receive queue of one interface, with its rings mapped. Copy mode, always: it works on every driver, and what it lacks
 * against zero copy is the receive copy, not the transmit path.
 *
 * NB: a queue stays taken for a moment after a socket on it was closed, because the kernel lets go of it in the background; and as long as a ring of it
 * is mapped. So mappings go first, and a bind that finds the queue busy is tried again.
 */
import {
  bind, closeFd, getsockopt, mapDescriptor, setsockopt, sockaddrXdp, socket, SystemCallError, type Mapping,
} from '../../native-shims/index.ts';
import { ConsumerRing, ProducerRing, type RingLayout } from './xdp-ring.ts';
import type { XdpUmem } from './xdp-umem.ts';

const AF_XDP = 44;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_RX_RING = 2;
const XDP_TX_RING = 3;
const XDP_UMEM_FILL_RING = 5;
const XDP_UMEM_COMPLETION_RING = 6;
const XDP_STATISTICS = 7;
const XDP_MAX_TX_SKB_BUDGET = 9;
const XDP_SHARED_UMEM = 1;
const XDP_COPY = 2;
const XDP_USE_NEED_WAKEUP = 8;

const PGOFF_RX = 0;
const PGOFF_TX = 0x80000000;
const PGOFF_FILL = 0x100000000;
const PGOFF_COMPLETION = 0x180000000;
const ADDRESS_BYTES = 8;
const FRAME_BYTES = 16;
/** struct xdp_mmap_offsets: receive, transmit, fill, completion; each producer 8 | consumer 8 | entries 8 | flags 8. */
const OFFSETS_BYTES = 128;
/** struct xdp_statistics: rx_dropped, rx_invalid_descs, tx_invalid_descs, rx_ring_full ... */
const STATISTICS_BYTES = 48;

const SEND_BUFFER_BYTES = 16 * 1024 * 1024;
/** Frames that one call may send (6.17 and later; 32 before). */
const TRANSMIT_BUDGET = 512;
/** How long to wait for a queue at the start, and while packets wait. */
const BUSY_MS = { start: 1000, running: 100 };
const BUSY_WAIT_MS = 5;

export interface XdpSocketOptions {
  readonly ifindex: number;
  readonly queue: number;
  /** Entries of each ring, a power of two. */
  readonly ringSize: number;
  /** Packets wait meanwhile: be brief when the queue is still taken. */
  readonly running: boolean;
}

export class XdpSocket {
  readonly fd: number;
  readonly queue: number;
  /** Its number as an owner of chunks. */
  readonly number: number;
  readonly receive: ConsumerRing;
  readonly transmit: ProducerRing;
  readonly fill: ProducerRing;
  readonly completion: ConsumerRing;
  readonly #umem: XdpUmem;
  readonly #mappings: Mapping[] = [];
  readonly #statistics = new Uint8Array(STATISTICS_BYTES);
  readonly #error = new Uint8Array(4);

  /** Throws SystemCallError; the queue's chunks are not filled in yet. */
  constructor(umem: XdpUmem, options: XdpSocketOptions) {
    this.#umem = umem;
    this.queue = options.queue;
    this.number = umem.number();
    this.fd = socket(AF_XDP, SOCK_RAW, 0);
    try {
      const { fd } = this;
      const { ringSize } = options;
      for (const ring of [XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING]) setsockopt(fd, SOL_XDP, ring, ringSize);
      const layouts = ringLayouts(fd);
      this.receive = new ConsumerRing(this.#map(PGOFF_RX, layouts[0]!, ringSize * FRAME_BYTES), layouts[0]!, ringSize);
      this.transmit = new ProducerRing(this.#map(PGOFF_TX, layouts[1]!, ringSize * FRAME_BYTES), layouts[1]!, ringSize);
      this.fill = new ProducerRing(this.#map(PGOFF_FILL, layouts[2]!, ringSize * ADDRESS_BYTES), layouts[2]!, ringSize);
      this.completion = new ConsumerRing(this.#map(PGOFF_COMPLETION, layouts[3]!, ringSize * ADDRESS_BYTES), layouts[3]!, ringSize);
      tune(fd, ringSize);
      this.#bind(options);
      umem.joined(this.number, fd);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Frames that were lost for want of a chunk or of room in the receive ring, since the socket was opened. */
  get receiveDrops(): number {
    getsockopt(this.fd, SOL_XDP, XDP_STATISTICS, this.#statistics);
    const view = new DataView(this.#statistics.buffer);
    return Number(view.getBigUint64(0, true) + view.getBigUint64(24, true));
  }

  /** Read an error away: an interface that was removed leaves one, which wakes poll again and again. */
  clearError(): void {
    getsockopt(this.fd, SOL_SOCKET, SO_ERROR, this.#error);
  }

  close(): void {
    this.#release();
    this.#umem.left(this.number);
  }

  /** The first socket registers the memory, the others join it through one that is bound. */
  #bind({ ifindex, queue, running }: XdpSocketOptions): void {
    for (let share = this.#umem.sharedBy; share !== null; share = this.#umem.sharedBy) {
      try {
        bindPatiently(this.fd, sockaddrXdp(ifindex, queue, XDP_SHARED_UMEM, share.fd), running ? BUSY_MS.running : BUSY_MS.start);
        return;
      } catch (error) {
        // The interface of that one has gone: through another, then.
        if (!(error instanceof SystemCallError) || error.code !== 'EBADF') throw error;
        this.#umem.unbound(share.number);
      }
    }
    this.#umem.register(this.fd);
    bindPatiently(this.fd, sockaddrXdp(ifindex, queue, XDP_COPY | XDP_USE_NEED_WAKEUP), running ? BUSY_MS.running : BUSY_MS.start);
  }

  #map(offset: number, layout: RingLayout, bytes: number): ArrayBuffer {
    const mapping = mapDescriptor(this.fd, layout.entries + bytes, offset);
    this.#mappings.push(mapping);
    return mapping.buffer;
  }

  #release(): void {
    for (const mapping of this.#mappings.splice(0)) mapping.release();
    closeFd(this.fd);
  }
}

function ringLayouts(fd: number): RingLayout[] {
  const bytes = new Uint8Array(OFFSETS_BYTES);
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, bytes) < OFFSETS_BYTES) throw new SystemCallError('getsockopt XDP_MMAP_OFFSETS', 22);
  const words = new Uint32Array(bytes.buffer);
  return [0, 1, 2, 3].map((i) => ({ producer: words[i * 8]!, consumer: words[i * 8 + 2]!, entries: words[i * 8 + 4]! }));
}

/** What makes it faster where the kernel has it. */
function tune(fd: number, ringSize: number): void {
  try {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
  } catch {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
  }
  try {
    setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, Math.min(TRANSMIT_BUDGET, ringSize));
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

function bindPatiently(fd: number, address: Uint8Array, busyMs: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = busyMs / BUSY_WAIT_MS; ; tries--) {
    try {
      bind(fd, address);
      return;
    } catch (error) {
      if (!(error instanceof SystemCallError) || error.code !== 'EBUSY' || tries <= 0) throw error;
      Atomics.wait(never, 0, 0, BUSY_WAIT_MS);
    }
  }
}
