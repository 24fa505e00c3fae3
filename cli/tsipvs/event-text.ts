/** An event as a line, or as a line of JSON. */
import type { HealthEvent } from '../../lib/model/health-state.ts';

export function eventText(event: HealthEvent, json: boolean): string {
  if (json) return `${JSON.stringify(event)}\n`;
  const place = [event.service, event.server].filter((part) => part !== null && part !== '').join(' ');
  return `${new Date(event.timeMs).toISOString()} ${event.kind.padEnd(7)} ${[place, event.state?.toUpperCase()].filter(Boolean).join(' ')}${place === '' ? '' : ': '}${event.message}\n`;
}
