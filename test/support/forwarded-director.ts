/** A director with forwarders, in one thread: TestDirector, but frames arrive at whichever worker the hash of their flow says, as from a fan-out group. */
import type { DataplaneOptions } from '../../lib/dataplane/dataplane.ts';
import { Forwarder } from '../../lib/dataplane/forwarder.ts';
import { ForwarderTally } from '../../lib/dataplane/forwarder-tally.ts';
import { HandoverWriter } from '../../lib/dataplane/handover.ts';
import { contextOf } from '../../lib/dataplane/plane-share.ts';
import { LoopbackDevice } from '../../lib/device/loopback.ts';
import type { FrameSource } from '../../lib/model/worker-message.ts';
import { FrameMemory } from '../../lib/wire/frame.ts';
import { CL0, RS0, TestDirector, type Outcome } from './frames.ts';
import { pretendedMemory } from './pretended-memory.ts';

const SOURCES: readonly FrameSource[] = [{ interfaceIdx: CL0, kind: 'packet' }, { interfaceIdx: RS0, kind: 'packet' }];

export class ForwardedDirector extends TestDirector {
  readonly forwarders: readonly { readonly forwarder: Forwarder; readonly devices: readonly LoopbackDevice[] }[];
  /** How often a forwarder woke the owner. */
  wakes = 0;
  /** Do not let the owner take what was handed over: it stays until ownerRound(). */
  ownerIsSlow = false;

  constructor(count: number, options: DataplaneOptions = {}) {
    const { allocate, addressOf, memoryAt } = pretendedMemory();
    super({ ...options, allocate, sharing: { forwarders: count, sources: SOURCES, addressOf } });
    this.forwarders = this.dataplane.forwarders!.shares().map((share) => {
      const at = ({ address, bytes }: { address: number; bytes: number }): ArrayBufferLike => memoryAt(address, bytes);
      const devices = SOURCES.map(({ interfaceIdx }) => new LoopbackDevice(`if${interfaceIdx}`, { slots: 300, longest: 65_600 }));
      const forwarder = new Forwarder({
        context: contextOf(share, new ForwarderTally(new Float64Array(at(share.totals))), memoryAt), lines: new Int32Array(at(share.lines)), line: share.number,
        macs: new Int32Array(at(share.macs)), figures: new Float64Array(at(share.figures)), nowMs: () => this.nowMs, sink: this, wakeOwner: () => { this.wakes++; },
        devices: devices.map((device, i) => ({ interfaceIdx: SOURCES[i]!.interfaceIdx, device, ring: new HandoverWriter(new FrameMemory(at(share.rings[i]!.memory))) })),
      });
      return { forwarder, devices };
    });
  }

  override sendBy(interfaceIdx: number, offload: number, ...frames: readonly Buffer[]): Outcome[] {
    const workers = this.forwarders.length + 1;
    const own = frames.filter((frame) => workerOf(frame, workers) === 0);
    const outcomes = own.length > 0 ? super.sendBy(interfaceIdx, offload, ...own) : [];
    return [...outcomes, ...this.sendToForwarders(interfaceIdx, offload, frames)];
  }

  /** Only those frames that do not arrive at the owner. */
  sendToForwarders(interfaceIdx: number, offload: number, frames: readonly Buffer[]): Outcome[] {
    const workers = this.forwarders.length + 1;
    for (const [i, { forwarder, devices }] of this.forwarders.entries()) {
      const device = devices[SOURCES.findIndex((source) => source.interfaceIdx === interfaceIdx)];
      for (const frame of frames) if (workerOf(frame, workers) === i + 1) device?.inject(frame, offload);
      while (forwarder.round() > 0);
    }
    return this.ownerIsSlow ? this.take() : this.ownerRound();
  }

  /** The owner takes what was handed over. */
  ownerRound(): Outcome[] {
    const { forwarders } = this.dataplane;
    for (const { interfaceIdx, device } of forwarders!.devices) {
      while (device.receive(device.burst) > 0) {
        this.dataplane.burst(interfaceIdx, device.burst, this, this.nowMs);
        device.recycle();
      }
    }
    forwarders!.quiescence.turn();
    return this.take();
  }
}

/** By addresses and ports, in one direction as in the other. */
export function workerOf(frame: Buffer, workers: number): number {
  let sum = 0;
  const [begin, end] = frame.readUInt16BE(12) === 0x86dd ? [22, 58] : [26, 38];
  for (let at = begin; at < end && at < frame.length; at++) sum = (sum + frame[at]! * 31) >>> 0;
  return (sum >>> 2) % workers;
}
