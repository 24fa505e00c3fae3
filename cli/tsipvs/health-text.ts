/** A health report as text: one block a service, one line a real server, one line a check. */
import type { CheckState, HealthReport, ServerState, ServiceHealth } from '../../lib/model/health-state.ts';
import { eventText } from './event-text.ts';
import { serviceKey } from '../../lib/model/virtual-service.ts';

/** Of what happened, the last so many are shown. */
const EVENTS_SHOWN = 10;

export function healthText({ source, services, probes, foreignChanges, lostNotifications, refusedReload, timeline }: HealthReport, results: boolean): string {
  if (source === null) return 'No checks: the director runs no configuration (tsipvsd --config FILE, or tsipvs config apply FILE).\n';
  const head = [
    `${source}: ${count(services.length, 'service')}, ${count(probes.monitors, 'check')}, ${count(probes.passed, 'probe')} passed, ${probes.failed} failed`,
    ...(foreignChanges === 0 ? [] : [`${count(foreignChanges, 'change')} of others put right`]), ...(lostNotifications === 0 ? [] : [`${count(lostNotifications, 'notification')} lost`]),
  ].join(', ');
  const refused = refusedReload === null ? '' : `Not taken ${new Date(refusedReload.timeMs).toISOString()}: ${refusedReload.source}: ${refusedReload.message}\n`;
  const shown = timeline.slice(-EVENTS_SHOWN);
  return `${head}\n${refused}${services.map((service) => `\n${serviceBlock(service, results)}`).join('')}${shown.length === 0 ? '' : `\nWhat happened last\n${shown.map((event) => `  ${eventText(event, false)}`).join('')}`}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

function serviceBlock(service: ServiceHealth, results: boolean): string {
  const { name, ids, quorumUp, arithmetic, panic, sorryServer, servers } = service;
  const keys = ids.map(serviceKey).join(', ');
  const lines = [`${quorumUp ? 'UP  ' : 'DOWN'} ${keys}${keys.includes(name) || name.startsWith('[') ? '' : ` (${name})`}`, `     ${arithmetic}${panic ? '; too few are left: health is ignored' : ''}`];
  for (const server of servers) lines.push(serverLine(server), ...server.checks.flatMap((check) => checkLines(check, results)));
  if (sorryServer !== null) lines.push(`  sorry server ${sorryServer.address}:${sorryServer.port}: ${sorryServer.inUse ? 'serves' : 'not needed'}`);
  return `${lines.join('\n')}\n`;
}

function serverLine({ address, port, up, configuredWeight, weight, admin, load }: ServerState): string {
  const notes = [
    weight === null ? 'not in the table' : `weight ${weight}${weight === configuredWeight ? '' : ` of ${configuredWeight}`}`,
    ...(admin.state === 'enabled' ? [] : [`${admin.state} by command`]), ...(admin.weight === null ? [] : [`weight set to ${admin.weight} by command`]),
    ...(admin.checks === 'automatic' ? [] : [`forced ${admin.checks}`]), ...(load === null ? [] : [`load ${load}`]),
  ];
  return `  ${up ? 'up  ' : 'down'} ${address.includes(':') ? `[${address}]` : address}:${port}  ${notes.join(', ')}`;
}

function checkLines(check: CheckState, results: boolean): string[] {
  const { name, target, up, hasRun, intervalSec, passed, failed, retry, retries, successes, successesNeeded } = check;
  const last = check.results.at(-1);
  const progress = !up && successes > 0 ? `, ${successes} of ${successesNeeded} successes` : up && retry > 0 ? `, retry ${retry} of ${retries}` : '';
  const said = last === undefined ? 'not probed yet' : `${last.ok ? 'passed' : last.error} (${last.latencyMs.toFixed(1)} ms)`;
  return [
    `         ${hasRun ? (up ? 'passes' : 'fails ') : 'waits '} ${name} ${target} every ${intervalSec} s: ${said}${progress}; ${passed} passed, ${failed} failed`,
    ...(results ? check.results.map(({ timeMs, latencyMs, ok, error, transition }) =>
      `             ${new Date(timeMs).toISOString()} ${latencyMs.toFixed(1).padStart(8)} ms ${ok ? 'passed' : error}${transition === null ? '' : `: ${transition.toUpperCase()}`}`) : []),
  ];
}
