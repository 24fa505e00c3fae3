/** What goes into a replay: one interface's frames of one capture file. */
import { readCapture } from '../device/capture-reader.ts';
import type { Capture, CapturedFrame } from '../device/capture.ts';
import { LvsError } from '../model/errors.ts';

export interface ReplayInput {
  readonly interface: string;
  readonly capture: Capture;
  /** In the order of the file. */
  readonly frames: readonly CapturedFrame[];
}

const DEFAULT_INTERFACE = 'eth0';

/**
 * The inputs of `[INTERFACE=]FILE`. Without a name, a file with one interface is called as the file says, else eth0; a pcapng file
 * with several interfaces yields an input for each.
 */
export function replayInputs(argument: string, read: (file: string) => Uint8Array): ReplayInput[] {
  const named = /^([^=/]{1,15})=(.+)$/s.exec(argument);
  const file = named?.[2] ?? argument;
  const capture = readCapture(read(file), file);
  const { frames, interfaces } = capture;
  if (interfaces.length === 1 || named !== null) return [{ interface: named?.[1] ?? (interfaces[0] || DEFAULT_INTERFACE), capture, frames }];
  return interfaces.map((name, index) => ({ interface: name || `if${index}`, capture, frames: frames.filter((frame) => frame.interface === index) }));
}

/** Names must be different: they are what routes and outputs refer to. */
export function checkInterfaceNames(inputs: readonly ReplayInput[]): void {
  const twice = inputs.find((input, n) => inputs.findIndex((other) => other.interface === input.interface) !== n);
  if (twice !== undefined) throw new LvsError('BadRequest', `two captures for interface ${twice.interface}: name them, as in --in cl0=a.pcap --in rs0=b.pcap`);
}
