/** What a shadow scheduler found, as a person reads it. */
import type { Returns, ShadowReport, ShadowSide } from '../../lib/model/shadow-report.ts';
import { schedulerFlagNames } from '../../lib/schedulers/names.ts';

export function shadowText(report: ShadowReport): string {
  const { live, shadow, flows, elsewhere, clients, destinations, changes } = report;
  const served = (refused: number): number => flows - refused;
  const lines = [
    `${report.service}: ${name(live)} live, ${name(shadow)} as its shadow, ${(report.elapsedMs / 1000).toFixed(1)} s`,
    `${count(flows, 'flow')}, ${elsewhere} (${percent(elsewhere, flows)}) would have gone elsewhere; no destination: ${live.refused} live, ${shadow.refused} shadow`,
    `${count(clients.returned, 'connection')} of clients seen before; to another destination than the last time: ${moves(clients)}`,
    '',
    `${''.padEnd(24)} ${'weight'.padStart(6)}  ${'live'.padStart(20)} ${'peak'.padStart(6)}   ${'shadow'.padStart(20)} ${'peak'.padStart(6)}`,
    ...destinations.map((one) => {
      const label = `${one.address.includes(':') ? `[${one.address}]` : one.address}:${one.port}${one.removed ? ' (removed)' : ''}`;
      return `${label.padEnd(24)} ${String(one.weight).padStart(6)}  ${side(one.live, served(live.refused))}   ${side(one.shadow, served(shadow.refused))}${overload(one.live, one.shadow)}`;
    }),
  ];
  if (changes.length > 0) lines.push('', ...changes.map((one) => `after ${(one.atMs / 1000).toFixed(1)} s: ${one.text}; of ${count(one.returned, 'client')} that came again, moved: ${moves(one)}`));
  return `${lines.join('\n')}\n`;
}

function side({ flows, peakConns }: ShadowSide, all: number): string {
  return `${`${flows} (${percent(flows, all)})`.padStart(20)} ${String(peakConns).padStart(6)}`;
}

function overload(live: ShadowSide, shadow: ShadowSide): string {
  return live.timesOverloaded + shadow.timesOverloaded === 0 ? '' : `   overloaded ${live.timesOverloaded} times live, ${shadow.timesOverloaded} shadow`;
}

function moves({ returned, movedLive, movedShadow }: Returns): string {
  return `${movedLive} (${percent(movedLive, returned)}) live, ${movedShadow} (${percent(movedShadow, returned)}) shadow`;
}

function name({ scheduler, schedFlags }: { readonly scheduler: string; readonly schedFlags: number }): string {
  return [scheduler, ...schedulerFlagNames(scheduler).filter(({ bit }) => (schedFlags & bit) !== 0).map((flag) => flag.name)].join(',');
}

function percent(part: number, all: number): string {
  return all === 0 ? '0 %' : `${((part / all) * 100).toFixed(1)} %`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
