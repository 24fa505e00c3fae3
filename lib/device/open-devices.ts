/**
 * The devices of a data-plane thread: the way into the host, and for every interface a packet or pcap device, with the xdp device before it where the
 * interface is under the XDP filter. All or none, but for xdp: where that cannot be opened the packet device does its work.
 */
import { LvsError } from '../model/errors.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { WorkerSetup } from '../model/worker-message.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import { NO_GROUP, PacketDevice } from './af-packet.ts';
import { XdpDevice } from './af-xdp.ts';
import type { AttachedDevice } from './device.ts';
import { receiveQueues } from './ethtool.ts';
import { LocalInject } from './local-inject.ts';
import { PcapDevice } from './pcap-live.ts';
import { XdpUmem } from './xdp-umem.ts';

/** Beside AF_XDP sockets it carries only what they leave over. */
const RING_FRAMES_BESIDE_XDP = 512;
const XDP_RING = 2048;
/** Chunks for frames that are copied. */
const SPARE_CHUNKS = 2048;

/** Rings of several threads are shorter: together as long as that of one. */
const RING_FRAMES = 1024;

/**
 * How several threads share the interfaces: which of them this is. Packet devices are members of the fan-out group that thread 0 makes for each, xdp devices have
 * every `of`-th receive queue, from `index` on.
 */
export interface QueueShare {
  readonly index: number;
  readonly of: number;
}

export class OpenDevices {
  readonly list: readonly AttachedDevice[];
  readonly #share: QueueShare;
  readonly #onLine: (interfaceName: string, line: string) => void;
  readonly #umem: XdpUmem | null;

  /** Throws LvsError, with nothing left open. `groups`: fan-out group of each interface, by its position; of no account for thread 0. `onLine` is told why an interface has to do without xdp, now or later. */
  constructor(setup: Pick<WorkerSetup, 'device' | 'interfaces' | 'local'>, share: QueueShare, groups: readonly number[], onLine: (interfaceName: string, line: string) => void) {
    this.#share = share;
    this.#onLine = onLine;
    const list: AttachedDevice[] = [];
    this.list = list;
    const sockets = setup.interfaces.reduce((sum, { name, socketsFd }) => sum + (socketsFd === null ? 0 : queuesOf(name, share).length), 0);
    this.#umem = sockets === 0 ? null : new XdpUmem(2 * XDP_RING * sockets + SPARE_CHUNKS);
    try {
      if (setup.local !== null) list.push({ interfaceIdx: INTERFACE_LOCAL, device: new LocalInject(setup.local.fd, setup.local.name) });
      for (const [position, { index: interfaceIdx, ifindex, name, socketsFd }] of setup.interfaces.entries()) {
        if (setup.device === 'pcap') {
          list.push({ interfaceIdx, device: new PcapDevice(name) });
          continue;
        }
        const packet = new PacketDevice(name, {
          ringFrames: socketsFd === null ? RING_FRAMES / share.of : RING_FRAMES_BESIDE_XDP,
          ...(share.of === 1 ? {} : { fanout: share.index === 0 ? 0 : groups[position] || NO_GROUP }),
        });
        list.push({ interfaceIdx, device: packet });
        if (socketsFd === null) continue;
        if (queuesOf(name, share).length === 0) onLine(name, `${name} has too few receive queues: worker ${share.index + 1} of ${share.of} has none of its own`);
        else this.#openXdp(list, interfaceIdx, name, ifindex, socketsFd, packet);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Interfaces that were made anew under their names, came up, or have other queues. Whether descriptors to poll or fan-out groups are others now. */
  follow({ interfaces }: NetworkState): boolean {
    let changed = false;
    for (const { interfaceIdx, device } of this.list) {
      const { ifindex = 0, up = false } = interfaces[interfaceIdx] ?? {};
      if (device instanceof PacketDevice && followPacket(device, ifindex, up)) changed = true;
      if (device instanceof XdpDevice) this.#followXdp(device, ifindex);
    }
    return changed;
  }

  /** The same for a thread that is told by thread 0: kernel index and fan-out group of each packet device, in the order of the list. */
  followOwner(links: readonly { readonly ifindex: number; readonly group: number }[]): void {
    const packets = this.list.map(({ device }) => device).filter((device) => device instanceof PacketDevice);
    for (const [position, { ifindex, group }] of links.entries()) {
      const device = packets[position];
      if (device !== undefined && ifindex > 0 && (ifindex !== device.ifindex || group !== device.fanoutGroup)) device.rebind(ifindex, group || NO_GROUP);
    }
    for (const { device } of this.list) if (device instanceof XdpDevice) this.#followXdp(device, links[packets.findIndex(({ name }) => name === device.name)]?.ifindex ?? 0);
  }

  close(): void {
    for (const { device } of this.list) device.close();
    this.#umem?.close();
  }

  #followXdp(device: XdpDevice, ifindex: number): void {
    const queues = ifindex > 0 ? queuesOf(device.name, this.#share) : [];
    for (const line of device.follow(ifindex, queues)) this.#onLine(device.name, line);
  }

  #openXdp(list: AttachedDevice[], interfaceIdx: number, name: string, ifindex: number, socketsFd: number, packet: PacketDevice): void {
    try {
      const queues = queuesOf(name, this.#share);
      list.push({ interfaceIdx, device: new XdpDevice(name, { umem: this.#umem!, ifindex, queues, socketsFd, packet, ringSize: XDP_RING }) });
    } catch (error) {
      if (!(error instanceof LvsError)) throw error;
      this.#onLine(name, `${error.message}: packet sockets instead`);
    }
  }
}

/** Another interface under the name; or one that could not join a group before it was up. */
function followPacket(device: PacketDevice, ifindex: number, up: boolean): boolean {
  const group = device.fanoutGroup;
  if (ifindex > 0 && ifindex !== device.ifindex) {
    device.rebind(ifindex);
    return true;
  }
  if (up) device.joinFanout(0);
  return device.fanoutGroup !== group;
}

function queuesOf(name: string, { index, of }: QueueShare): number[] {
  return Array.from({ length: receiveQueues(name) }, (_unused, queue) => queue).filter((queue) => queue % of === index);
}
