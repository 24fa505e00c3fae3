/** The connection table as ipvsadm -Lc prints it. */
import type { ConnectionRecord } from '../../lib/model/stats.ts';
import { protocolName } from '../../lib/model/protocol.ts';
import type { PlaceText } from './place-text.ts';

const HEADING = 'pro expire state       source             virtual            destination';
const ENGINE_HEADING = `${HEADING}        pe name          pe_data`;

/** `engines`: with the persistence engines' data (--persistent-conn). */
export function connectionsText(connections: readonly ConnectionRecord[], place: PlaceText, engines: boolean): string {
  const lines = ['IPVS connection entries\n', `${engines ? ENGINE_HEADING : HEADING}\n`];
  for (const connection of connections) lines.push(`${row(connection, place, engines)}\n`);
  return lines.join('');
}

function row(connection: ConnectionRecord, place: PlaceText, engines: boolean): string {
  const protocol = protocolName(connection.protocol) ?? null;
  const client = place.of(connection.client, connection.clientPort, protocol);
  const virtual = place.of(connection.virtual, connection.virtualPort, protocol);
  const destination = place.of(connection.destination, connection.destinationPort, protocol);
  const start = [
    (protocol ?? 'ip').toUpperCase().padEnd(3), expiryText(connection.expiresSec).padEnd(6), connection.state.padEnd(11), client.padEnd(18), virtual.padEnd(18),
  ].join(' ');
  if (!engines || connection.pe === null) return `${start} ${destination}`;
  return `${start} ${destination.padEnd(16)} ${connection.pe.padEnd(18)} ${connection.peData ?? ''}`;
}

/** mm:ss; minutes go on past 59. */
function expiryText(seconds: number): string {
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Every address that appears, for name look-ups. */
export function addressesOf(connections: readonly ConnectionRecord[]): string[] {
  return connections.flatMap(({ client, virtual, destination }) => [client, virtual, destination]);
}
