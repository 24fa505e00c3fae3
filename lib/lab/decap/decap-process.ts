/** The decapsulator as a process of its own: node decap-process.js '{"kinds":["ipip"],"guePort":6080,"vips":[],"device":"tsipvs-decap"}'. */
import type { DecapsulatorOptions } from './decapsulator.ts';
import { runDecapsulator } from './run-decapsulator.ts';

runDecapsulator(JSON.parse(process.argv[2] ?? '{}') as DecapsulatorOptions).catch((error: Error) => { console.error(error.message); process.exit(1); });
