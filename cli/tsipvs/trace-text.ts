/** A decision record as a person reads it. */
import type { TraceRecord } from '../../lib/model/trace-record.ts';

export function traceText({ timeMs, interface: name, packet, steps, verdict, reason }: TraceRecord): string {
  const lines = steps.map(({ step, detail }) => `    ${step.padEnd(9)} ${detail}`);
  return `${(timeMs / 1000).toFixed(6)} ${name} ${packet}\n${lines.map((line) => `${line}\n`).join('')}    => ${verdict}${reason === '' ? '' : ` ${reason}`}\n`;
}
