/**
 * A program for tests: passes every frame between two interfaces, unchanged, through packet devices. Prints "ready", and on SIGTERM one
 * line of JSON with what it saw. With a third argument "copy" it sends from memory without an address.
 */
import { PollSet } from '../../native-shims/index.ts';
import { PacketDevice } from '../../lib/device/af-packet.ts';
import { FrameMemory, OFFLOAD_GSO_MASK, OFFLOAD_PARTIAL } from '../../lib/wire/frame.ts';

const devices = [new PacketDevice(process.argv[2]!, { ringFrames: 120 }), new PacketDevice(process.argv[3]!, { ringFrames: 120 })];
const copy = process.argv[4] === 'copy' ? new FrameMemory(new ArrayBuffer(70000)) : null;
const seen = { frames: 0, partial: 0, superFrames: 0, largest: 0, misaligned: 0 };
const polls = new PollSet(devices.map((device) => device.pollFds[0]!));
let running = true;

process.on('SIGTERM', () => {
  running = false;
  process.stdout.write(`${JSON.stringify({ ...seen, counters: devices.map((device) => ({ ...device.counters })) })}\n`);
  for (const device of devices) device.close();
});
process.stdout.write('ready\n');
step();

function step(): void {
  if (!running) return;
  polls.wait(20);
  for (let i = 0; i < 2; i++) {
    const from = devices[i]!;
    const to = devices[1 - i]!;
    const { burst } = from;
    const count = from.receive(burst);
    for (let n = 0; n < count; n++) {
      const [off, len, offload] = [burst.off[n]!, burst.len[n]!, burst.offload[n]!];
      seen.frames++;
      if (offload & OFFLOAD_PARTIAL) seen.partial++;
      if (offload & OFFLOAD_GSO_MASK) seen.superFrames++;
      if (len > seen.largest) seen.largest = len;
      if (off % 4 !== 2) seen.misaligned++;
      if (copy) {
        copy.u8.set(burst.memory.u8.subarray(off, off + len), 130);
        to.transmit(copy, 130, len, offload);
      } else {
        to.transmit(burst.memory, off, len, offload);
      }
    }
    to.flush();
    from.recycle();
  }
  setImmediate(step);
}
