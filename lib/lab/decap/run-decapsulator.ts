/** Runs the decapsulator until it is told to end: its own process in the laboratory, or `tsipvs realserver decap` in the foreground. */
import { readFileSync, writeFileSync } from 'node:fs';
import { LabError, runCommand } from '../run-command.ts';
import { type DecapsulatorOptions, openDecapsulator } from './decapsulator.ts';

const STAY_ALIVE_MS = 1 << 30;

export async function runDecapsulator(options: DecapsulatorOptions): Promise<void> {
  const decapsulator = open(options);
  const alive = setInterval(() => { /* readable descriptors alone do not keep the process */ }, STAY_ALIVE_MS);
  const end = (): void => {
    clearInterval(alive);
    console.log(`${decapsulator.injected()} packets unwrapped${Object.entries(decapsulator.refused()).map(([reason, n]) => `, ${n} refused: ${reason}`).join('')}`);
    decapsulator.close();
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  await bringUp(decapsulator.device);
  console.log(`ready: unwrapping ${options.kinds.join(', ')} for ${options.vips.length === 0 ? 'any address' : options.vips.join(', ')} on ${decapsulator.device}`);
}

function open(options: DecapsulatorOptions): ReturnType<typeof openDecapsulator> {
  try {
    return openDecapsulator(options);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'EPERM' || code === 'EACCES') throw new LabError('root is needed to unwrap tunnel packets (raw sockets and a TUN device)');
    if (code === 'EBUSY') throw new LabError(`device ${options.device} exists: another decapsulator runs here`);
    if (code === 'EADDRINUSE') throw new LabError(`UDP port ${options.guePort} is in use: give another with --port, on the director too (--tun-port)`);
    if (code === 'ENOENT' || code === 'ENODEV') throw new LabError('this kernel has no TUN devices (/dev/net/tun): "modprobe tun" may bring them');
    throw error;
  }
}

/** Up, with a reverse-path filter that lets clients' packets in: the larger of conf.all and the device's own counts. */
async function bringUp(device: string): Promise<void> {
  const strictest = readFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8').trim();
  writeFileSync(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, strictest === '0' ? '0' : '2');
  await runCommand(['ip', 'link', 'set', device, 'up']);
}
