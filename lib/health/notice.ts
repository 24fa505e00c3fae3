/**
 * A change worth telling: of a server, or of a service's quorum, in the words that keepalived's FIFO, log and mail use
 * (check_print.c, smtp.c), so that what reads them goes on working.
 */
import type { DesiredDestination, DesiredService } from '../model/desired-configuration.ts';
import { destinationFor } from '../model/desired-configuration.ts';
import type { ServiceId } from '../model/virtual-service.ts';

/** What keepalived's reader calls a service of a group already. */
const GROUP_TEXT = /^\[.*\]:\d+$/;

export type Notice =
  | { readonly kind: 'server'; readonly up: boolean; readonly service: DesiredService; readonly server: DesiredDestination; readonly cause: string }
  | { readonly kind: 'service'; readonly up: boolean; readonly service: DesiredService; readonly cause: string };

/** "[10.0.0.1]:tcp:80", "FWM 7"; of a group "[group]:0", where the number tells the services of one group apart. */
export function serviceText({ ids, name }: DesiredService): string {
  const [id] = ids;
  if (ids.length === 1 && id !== undefined) return idText(id);
  return GROUP_TEXT.test(name) ? name : `[${name}]:0`;
}

export function idText(id: ServiceId): string {
  return id.kind === 'fwmark' ? `FWM ${id.fwmark >>> 0}` : `[${id.address}]:${id.protocol}:${id.port}`;
}

/** "[10.1.0.1]:tcp:80". */
export function serverText({ ids }: DesiredService, { destination }: DesiredDestination): string {
  const [id] = ids;
  const { address, port } = id === undefined ? destination : destinationFor(id, destination);
  return placeText(id, address, port);
}

export function placeText(id: ServiceId | undefined, address: string, port: number): string {
  return `[${address}]:${id?.kind === 'address' ? id.protocol : 'none'}:${port}`;
}

/** The line in the FIFO, without its newline. */
export function fifoLine(notice: Notice): string {
  const state = notice.up ? 'UP' : 'DOWN';
  return notice.kind === 'service' ? `VS ${serviceText(notice.service)} ${state}` : `RS ${serverText(notice.service, notice.server)} ${serviceText(notice.service)} ${state}`;
}

/** Subject of the mail, behind "[router] ". */
export function subjectOf(notice: Notice): string {
  const state = notice.up ? 'UP' : 'DOWN';
  return notice.kind === 'service' ? `Virtualserver ${serviceText(notice.service)} - ${state}` : `Realserver ${serverText(notice.service, notice.server)} of virtual server ${serviceText(notice.service)} - ${state}`;
}
