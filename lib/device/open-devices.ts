/**
 * The devices of a data-plane thread: the way into the host, and for every interface a packet or pcap device, with the xdp device before it where the
 * interface is under the XDP filter. All or none, but for xdp: where that cannot be opened the packet device does its work.
 */
import { LvsError } from '../model/errors.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { WorkerSetup } from '../model/worker-message.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { PacketDevice } from './af-packet.ts';
import { XdpDevice } from './af-xdp.ts';
import type { Device } from './device.ts';
import { receiveQueues } from './ethtool.ts';
import { LocalInject } from './local-inject.ts';
import { PcapDevice } from './pcap-live.ts';
import { XdpUmem } from './xdp-umem.ts';

/** Beside AF_XDP sockets it carries only what they leave over: a few megabytes a port. */
const RING_FRAMES_BESIDE_XDP = 60;
const XDP_RING = 2048;
/** Chunks for frames that are copied. */
const SPARE_CHUNKS = 2048;

export interface OpenDevice {
  /** NetworkInterface.index, or INTERFACE_LOCAL for the device into the host's own stack. */
  readonly interfaceIdx: number;
  readonly device: Device;
}

/** Which receive queues a thread works on, when several threads share the interfaces: every `of`-th, from `index` on. */
export interface QueueShare {
  readonly index: number;
  readonly of: number;
}

export class OpenDevices {
  readonly list: readonly OpenDevice[];
  readonly #share: QueueShare;
  readonly #onLine: (interfaceName: string, line: string) => void;
  readonly #umem: XdpUmem | null;

  /** Throws LvsError, with nothing left open. `onLine` is told why an interface has to do without xdp, now or later. */
  constructor(setup: WorkerSetup, share: QueueShare, onLine: (interfaceName: string, line: string) => void) {
    this.#share = share;
    this.#onLine = onLine;
    const list: OpenDevice[] = [];
    this.list = list;
    const sockets = setup.interfaces.reduce((sum, { name, socketsFd }) => sum + (socketsFd === null ? 0 : queuesOf(name, share).length), 0);
    this.#umem = sockets === 0 ? null : new XdpUmem(2 * XDP_RING * sockets + SPARE_CHUNKS);
    try {
      if (setup.local !== null) list.push({ interfaceIdx: INTERFACE_LOCAL, device: new LocalInject(setup.local.fd, setup.local.name) });
      for (const { index: interfaceIdx, ifindex, name, socketsFd } of setup.interfaces) {
        if (setup.device === 'pcap') {
          list.push({ interfaceIdx, device: new PcapDevice(name) });
          continue;
        }
        const packet = new PacketDevice(name, socketsFd === null ? {} : { ringFrames: RING_FRAMES_BESIDE_XDP });
        list.push({ interfaceIdx, device: packet });
        if (socketsFd !== null) this.#openXdp(list, interfaceIdx, name, ifindex, socketsFd, packet);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Interfaces that were made anew under their names, came up, or have other queues. */
  follow({ interfaces }: NetworkState): void {
    for (const { interfaceIdx, device } of this.list) {
      const ifindex = interfaces[interfaceIdx]?.ifindex ?? 0;
      if (device instanceof PacketDevice && ifindex > 0 && ifindex !== device.ifindex) device.rebind(ifindex);
      if (!(device instanceof XdpDevice)) continue;
      const queues = ifindex > 0 ? queuesOf(device.name, this.#share) : [];
      for (const line of device.follow(ifindex, queues)) this.#onLine(device.name, line);
    }
  }

  close(): void {
    for (const { device } of this.list) device.close();
    this.#umem?.close();
  }

  #openXdp(list: OpenDevice[], interfaceIdx: number, name: string, ifindex: number, socketsFd: number, packet: PacketDevice): void {
    try {
      const queues = queuesOf(name, this.#share);
      list.push({ interfaceIdx, device: new XdpDevice(name, { umem: this.#umem!, ifindex, queues, socketsFd, packet, ringSize: XDP_RING }) });
    } catch (error) {
      if (!(error instanceof LvsError)) throw error;
      this.#onLine(name, `${error.message}: packet sockets instead`);
    }
  }
}

function queuesOf(name: string, { index, of }: QueueShare): number[] {
  return Array.from({ length: receiveQueues(name) }, (_unused, queue) => queue).filter((queue) => queue % of === index);
}
