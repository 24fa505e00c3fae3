/**
 * The `pcap` device: live capture and injection through the npm package `cap` (libpcap), for hosts where packet rings cannot be opened.
 * Lab grade: every frame is copied twice, super-frames and partial checksums are not understood, and `cap` was seen to corrupt its heap
 * above some 100,000 received frames a second. What this machine sends is filtered out by source address, else we
 * would hear ourselves. Nothing else depends on that package; it is loaded when this device is opened.
 *
 * `cap` calls back from the event loop, so frames wait in a queue until receive(); an eventfd stands for them in a poll set. A thread that
 * sleeps in poll must let its event loop run now and then for frames to arrive at all.
 */
import { createRequire } from 'node:module';
import { closeFd, eventfd, eventfdClear, eventfdSignal, ifindexOf, nativeProblem } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import { FrameBurst, FrameMemory, HEADROOM, MAX_BURST } from '../wire/frame.ts';
import type { Device, DeviceCounters } from './device.ts';
import { ARPHRD_ETHER, interfaceHardware } from './interface-hardware.ts';

interface CapSession {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string;
  send(buffer: Buffer, length: number): void;
  setMinBytes?(bytes: number): void;
  on(event: 'packet', listener: (length: number, truncated: boolean) => void): void;
  close(): void;
}
interface CapModule { Cap: new () => CapSession }

const SNAP_LENGTH = 65535;
const BUFFER_BYTES = 4 * 1024 * 1024;
/** One frame and its headroom; the Ethernet header at 2 modulo 4. */
const SLOT_BYTES = 66048;
const FRAME_OFF = HEADROOM + 2;
const SLOTS = MAX_BURST;

export class PcapDevice implements Device {
  readonly kind = 'pcap';
  readonly name: string;
  readonly pollFds: readonly number[];
  readonly burst: FrameBurst;
  readonly counters: DeviceCounters = { received: 0, transmitted: 0, receiveDrops: 0, transmitDrops: 0 };
  readonly #cap: CapSession;
  readonly #memory = new FrameMemory(new ArrayBuffer(SLOT_BYTES * SLOTS));
  readonly #captured = Buffer.alloc(SNAP_LENGTH);
  readonly #outgoing = Buffer.alloc(SNAP_LENGTH);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #waiting: number;
  /** Slots [first, first + count) hold frames, of which the first `lent` are with the caller. */
  #first = 0;
  #count = 0;
  #lent = 0;
  #open = true;

  constructor(name: string) {
    this.name = name;
    const problem = nativeProblem();
    if (problem !== null) throw new LvsError('Unsupported', problem);
    if (ifindexOf(name) === 0) throw new LvsError('NoSuchDevice', `no interface named ${name}: "ip link" lists them`);
    const { type, mac } = interfaceHardware(name);
    if (type !== ARPHRD_ETHER) throw new LvsError('Unsupported', `${name} is not an Ethernet interface (hardware type ${type})`);
    const { Cap } = loadCap();
    this.#cap = new Cap();
    let link: string;
    try {
      link = this.#cap.open(name, `not ether src ${mac}`, BUFFER_BYTES, this.#captured);
    } catch (error) {
      const { message } = error as Error;
      if (/not permitted|permission/i.test(message)) throw new LvsError('Permission', `no permission to capture on ${name}: run as root or with CAP_NET_RAW`);
      throw new LvsError('Unsupported', `${name}: libpcap cannot open it: ${message}`);
    }
    if (link !== 'ETHERNET') {
      this.#cap.close();
      throw new LvsError('Unsupported', `${name} is not an Ethernet interface (${link})`);
    }
    this.#cap.setMinBytes?.(0);
    this.#cap.on('packet', (length, truncated) => this.#arrived(length, truncated));
    this.#waiting = eventfd();
    this.pollFds = [this.#waiting];
    this.burst = new FrameBurst(this.#memory);
  }

  receive(burst: FrameBurst): number {
    eventfdClear(this.#waiting);
    const count = Math.min(MAX_BURST, this.#count - this.#lent);
    for (let i = 0; i < count; i++) {
      const slot = (this.#first + this.#lent + i) % SLOTS;
      burst.off[i] = slot * SLOT_BYTES + FRAME_OFF;
      burst.len[i] = this.#lengths[slot]!;
      burst.offload[i] = 0;
    }
    burst.memory = this.#memory;
    burst.count = count;
    this.#lent += count;
    this.counters.received += count;
    return count;
  }

  transmit(memory: FrameMemory, off: number, len: number, offload: number): void {
    // libpcap cannot describe unfinished frames; sending one would put a wrong checksum or a giant on the wire.
    if (offload !== 0 || len > SNAP_LENGTH) {
      this.counters.transmitDrops++;
      return;
    }
    this.#outgoing.set(memory.u8.subarray(off, off + len));
    try {
      this.#cap.send(this.#outgoing, len);
      this.counters.transmitted++;
    } catch {
      this.counters.transmitDrops++;
    }
  }

  flush(): void {}

  recycle(): void {
    this.#first = (this.#first + this.#lent) % SLOTS;
    this.#count -= this.#lent;
    this.#lent = 0;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#cap.close();
    closeFd(this.#waiting);
  }

  #arrived(length: number, truncated: boolean): void {
    if (truncated || length < 14 || this.#count === SLOTS) {
      this.counters.receiveDrops++;
      return;
    }
    const slot = (this.#first + this.#count) % SLOTS;
    this.#memory.u8.set(this.#captured.subarray(0, length), slot * SLOT_BYTES + FRAME_OFF);
    this.#lengths[slot] = length;
    this.#count++;
    eventfdSignal(this.#waiting);
  }
}

function loadCap(): CapModule {
  try {
    return createRequire(import.meta.url)('cap') as CapModule;
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new LvsError('Unsupported', `--device pcap needs the npm package "cap" (apt-get install libpcap-dev, then npm install cap): ${why}`);
  }
}
