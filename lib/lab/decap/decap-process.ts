/** The decapsulator as a process of its own: node decap-process.js '{"kinds":["ipip"],"guePort":6080,"vips":[],"device":"tsipvs-decap"}'. */
import { openDecapsulator, type DecapsulatorOptions } from './decapsulator.ts';
import { setDecapDeviceUp } from './device-up.ts';

const STAY_ALIVE_MS = 1 << 30;

async function run(options: DecapsulatorOptions): Promise<void> {
  const decapsulator = openDecapsulator(options);
  const alive = setInterval(() => { /* readable descriptors alone do not keep the process */ }, STAY_ALIVE_MS);
  const end = (): void => {
    clearInterval(alive);
    console.log(`${decapsulator.injected()} packets unwrapped${Object.entries(decapsulator.refused()).map(([reason, n]) => `, ${n} refused: ${reason}`).join('')}`);
    decapsulator.close();
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  await setDecapDeviceUp(decapsulator.device);
  console.log(`ready: unwrapping ${options.kinds.join(', ')} for ${options.vips.length === 0 ? 'any address' : options.vips.join(', ')} on ${decapsulator.device}`);
}

run(JSON.parse(process.argv[2] ?? '{}') as DecapsulatorOptions).catch((error: Error) => { console.error(error.message); process.exit(1); });
