/** Which destination each new connection got, read off the decision records: the steps service, schedule and template say it. */
import type { TraceRecord } from '../model/trace-record.ts';

export interface Pick {
  /** Since the first frame. */
  readonly timeMs: number;
  /** "TCP 203.0.113.7:40001 > 192.0.2.10:80". */
  readonly packet: string;
  readonly service: string;
  /** "10.1.0.1:80"; without port where a persistence template decided; null: no destination. */
  readonly destination: string | null;
}

const SERVICE = /^virtual service (.*), /;
const SCHEDULED = /^\S+ picks (.+):(\d+)$/;
const TEMPLATE = /^(?:follows the|new) persistence template to (\S+)$/;
const NOBODY = /^no destination/;

export class PickRecorder {
  readonly picks: Pick[] = [];

  see({ timeMs, packet, steps }: TraceRecord): void {
    let service: string | null = null;
    let destination: string | null | undefined;
    for (const { step, detail } of steps) {
      if (step === 'service') service = SERVICE.exec(detail)?.[1] ?? service;
      else if (step === 'schedule' || step === 'template') destination = destinationIn(detail) ?? (NOBODY.test(detail) ? null : destination);
    }
    if (service !== null && destination !== undefined) this.picks.push({ timeMs, packet, service, destination });
  }
}

function destinationIn(detail: string): string | undefined {
  const [, address, port] = SCHEDULED.exec(detail) ?? [];
  if (address !== undefined) return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return TEMPLATE.exec(detail)?.[1];
}
