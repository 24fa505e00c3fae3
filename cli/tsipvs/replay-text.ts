/** What a replay says at its end. */
import type { ReplayResult } from '../../lib/replay/replay.ts';
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';

const HELP: Readonly<Record<string, string>> = Object.fromEntries(DROP_REASONS);

export function replayText({ frames, durationMs, picks, drops, unresolved, stats, connections }: ReplayResult): string {
  const lines: string[] = [];
  const list = (title: string, rows: readonly string[]): void => { if (rows.length > 0) lines.push(title, ...rows.map((row) => `  ${row}`), ''); };
  list('Picks', picks.map(({ timeMs, packet, destination }) => `${(timeMs / 1000).toFixed(6)} ${packet} -> ${destination ?? 'no destination'}`));
  list('Counters                               Conns   InPkts  OutPkts  InBytes OutBytes', stats.services.flatMap(({ key, stats: of, destinations }) => [
    counters(key, of), ...destinations.map(({ address, port, stats: its }) => counters(`  -> ${address.includes(':') ? `[${address}]` : address}:${port}`, its)),
  ]));
  list('Dropped', Object.entries(drops).map(([name, count]) => `${String(count).padStart(8)} ${name}: ${HELP[name]}`));
  list('Connections left', Object.entries(stats.connectionsByState).filter(([, count]) => count > 0).map(([state, count]) => `${String(count).padStart(8)} ${state}`));
  list('Never heard of (no MAC address in the capture or --network)', unresolved);
  const left = [frames.own > 0 ? `${frames.own} sent by the director itself` : '', frames.others > 0 ? `${frames.others} for other stations` : ''].filter((text) => text !== '');
  lines.push(`${frames.replayed} frames in ${(durationMs / 1000).toFixed(3)} s${left.length === 0 ? '' : ` (left out: ${left.join(', ')})`}: ${frames.transmitted} sent, ${frames.passed} not ours, ${frames.delivered} for the local node, ${picks.length} connections scheduled, ${connections.length} left`);
  if (frames.cut > 0) lines.push(`${frames.cut} frames were captured only in part: capture with a larger snap length (tcpdump -s 0)`);
  return `${lines.join('\n')}\n`;
}

function counters(name: string, { conns, inPkts, outPkts, inBytes, outBytes }: ReplayResult['stats']['total']): string {
  return `${name.padEnd(34)} ${[conns, inPkts, outPkts, inBytes, outBytes].map((value) => String(value).padStart(8)).join(' ')}`;
}
