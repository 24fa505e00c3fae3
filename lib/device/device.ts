/**
 * The device contract: where frames come from and go to. A device is bound to one interface (or one capture) and is used by one
 * thread. Verbs: receive, transmit, flush, recycle, close.
 */
import type { FrameBurst, FrameMemory } from '../wire/frame.ts';

export interface DeviceCounters {
  received: number;
  transmitted: number;
  /** Frames the kernel or device lost before we saw them. */
  receiveDrops: number;
  /** Frames that could not be sent. */
  transmitDrops: number;
}

export interface Device {
  /** packet, xdp, pcap, pcap-file, loopback, local. */
  readonly kind: string;
  /** Interface name for messages. */
  readonly name: string;
  /** File descriptors that become readable when receive() has work; empty for devices in memory. */
  readonly pollFds: readonly number[];
  readonly counters: DeviceCounters;
  /** Its frames were received by another thread, which has counted them. */
  readonly relays?: boolean;
  /** receive() makes a system call even if nothing waits. Whoever sleeps on pollFds need not call it each time. */
  readonly dearToLook?: boolean;
  /** Fill `burst` with up to MAX_BURST waiting frames and return how many. They stay valid until recycle(). */
  receive(burst: FrameBurst): number;
  /** The burst object to receive into (its memory is the device's own). */
  readonly burst: FrameBurst;
  /** Queue one frame; its bytes may be read as late as flush(). HEADROOM bytes before `off` may be overwritten. */
  transmit(memory: FrameMemory, off: number, len: number, offload: number): void;
  /** Push all queued frames out. */
  flush(): void;
  /** Give the frames of the last receive() back to the device. Call after flush() of every device. */
  recycle(): void;
  /** Release everything; idempotent. */
  close(): void;
  /** Frames received in this memory the host does not see: who passes them on must give them back. Undefined: it sees them all. */
  readonly stolen?: FrameMemory;
}

/** A device of the data plane, and where it stands. */
export interface AttachedDevice {
  /** NetworkInterface.index, or INTERFACE_LOCAL for the device into the host's own stack. */
  readonly interfaceIdx: number;
  readonly device: Device;
}
