/**
 * Frames are bytes in someone's memory: a device ring, a scratch buffer, a capture. Nothing copies them on the way through the
 * director; what travels is (memory, offset, length, offload). The IP header of every frame starts at a multiple of 4, so that
 * it can be read as aligned little-endian words: an Ethernet header of 14 bytes starts at 2 modulo 4.
 */

/** Most frames handled in one go. */
export const MAX_BURST = 256;

/** Bytes free before every frame, where tunnel headers and the device's own header may be written. */
export const HEADROOM = 128;

/** Three views of one fixed-length buffer. All frame functions take these views and an offset. */
export class FrameMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  /** Address of byte 0 in this process for system calls; 0 where no device will ask. */
  readonly address: number;

  constructor(buffer: ArrayBufferLike, address = 0) {
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.address = address;
  }
}

/**
 * Offload state of a frame, as virtio_net_hdr describes it, in one int32 so that it travels like an offset:
 *   bits 0..15  gso_size: payload bytes a segment, 0 = an ordinary frame
 *   bit  16     the L4 checksum is partial: it holds only the pseudo-header sum (not complemented), the device completes it
 *   bits 17..19 gso kind: 0 none, 1 TCPv4, 2 TCPv6, 3 UDP (USO)
 *   bit  20     TCP super-frame with ECN (VIRTIO_NET_HDR_GSO_ECN)
 */
export const OFFLOAD_GSO_SIZE = 0xffff;
export const OFFLOAD_PARTIAL = 1 << 16;
export const OFFLOAD_GSO_SHIFT = 17;
export const OFFLOAD_GSO_MASK = 7 << OFFLOAD_GSO_SHIFT;
export const OFFLOAD_GSO_TCP4 = 1 << OFFLOAD_GSO_SHIFT;
export const OFFLOAD_GSO_TCP6 = 2 << OFFLOAD_GSO_SHIFT;
export const OFFLOAD_GSO_UDP = 3 << OFFLOAD_GSO_SHIFT;
export const OFFLOAD_ECN = 1 << 20;

/** What a device hands over: `count` frames, all in one memory. Filled by receive(), reused every time. */
export class FrameBurst {
  count = 0;
  memory: FrameMemory;
  /** Offset of the Ethernet header, 2 modulo 4. */
  readonly off = new Int32Array(MAX_BURST);
  /** Bytes from the Ethernet header on. */
  readonly len = new Int32Array(MAX_BURST);
  readonly offload = new Int32Array(MAX_BURST);

  constructor(memory: FrameMemory) {
    this.memory = memory;
  }
}

/**
 * Where the director core puts frames. The memory behind `off` is only valid until the call returns or, for devices that transmit out of
 * the receive ring, until flush(); a sink that keeps a frame longer copies it.
 */
export interface FrameSink {
  /** Send out of an interface. HEADROOM bytes before `off` may be overwritten by the sink. */
  transmit(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void;
  /** Not ours: the host's stack keeps it (or gets it back, if the guard would have taken it). The frame is unchanged, unless it was
   *  put together from fragments (`wasFragmented`). From INTERFACE_LOCAL: the host sends it as it is. */
  pass(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number, wasFragmented?: boolean): void;
  /** For the local node: give this (perhaps rewritten) frame to the host's stack. */
  deliver(interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number): void;
  /** A next hop without known MAC address: ask the kernel to resolve it. Rate-limited by the caller. */
  resolve(interfaceIdx: number, address: string): void;
}

/** Interface index of frames that the director's own stack sends (replies of a local node, local clients). */
export const INTERFACE_LOCAL = -1;
