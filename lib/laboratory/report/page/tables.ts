/** The tables beside the pictures: the same figures in words, for reading off, for copying and for who cannot see the pictures. */
import { durationText, figureText, numberText, percentText } from '../../../charts/index.ts';
import type { LaboratoryResult, LaboratoryServer } from '../../result.ts';
import { figuresOf, type Figure } from '../figures.ts';
import { ranked, runsBestFirst } from '../ranking.ts';
import { escapeText, table, type Row } from './markup.ts';

/** More servers than this are told as groups and quantiles. */
const SERVERS_AT_MOST = 16;

export function rankingTable(result: LaboratoryResult): string {
  const { measure, unit, lowerIsBetter } = result.ranking;
  const rows = ranked(result), losses = rows.some(({ lost }) => lost > 0);
  return table(`Ranked by ${measure}, ${lowerIsBetter ? 'lower' : 'higher'} is better${rows.some(({ run }) => run?.research === true) ? '; * research, not in the kernel' : ''}${rows.some(({ behindForLoss }) => behindForLoss) ? '; ✕ ranks behind for what it loses' : ''}`,
    [{ heading: 'Scheduler' }, { heading: 'Rank' }, { heading: sentence(measure), unit: unitText(unit) }, { heading: 'Beside the best' }, ...(losses ? [{ heading: 'Lost', unit: '% of its connections' }] : [])],
    rows.map(({ scheduler, rank, value, timesBest, run, lost, behindForLoss }): Row => ({
      kind: rank === 1 ? 'best' : undefined, cells: [`${scheduler}${run?.research === true ? '*' : ''}`, String(rank), figureText(value, unit), rank === 1 ? 'best' : timesBest === null ? '-' : `${numberText(timesBest)} times`, ...(losses ? [`${percentText(lost)}${behindForLoss ? ' ✕' : ''}`] : [])],
    })), 'ranking');
}

export function figuresTable(result: LaboratoryResult, caption: string, groups: readonly Figure['group'][]): string {
  const runs = runsBestFirst(result), figures = figuresOf(runs, groups);
  return table(caption, [{ heading: 'Scheduler' }, ...figures.map(({ title, unit }) => ({ heading: title, unit: unitText(unit) }))],
    runs.map((run): Row => ({ cells: [run.scheduler, ...figures.map(({ value, unit }) => figureText(value(run), unit))] })));
}

export function disruptionTable(result: LaboratoryResult): string {
  const told = result.events.flatMap((event, index) => runsBestFirst(result).flatMap((run): Row[] => {
    const one = run.disruption.find((found) => found.event === index);
    if (one === undefined) return [];
    const part = (count: number): string => (one.probes === 0 ? '-' : percentText(count / one.probes));
    return [{ cells: [`${index + 1}. ${event.text}`, durationText(event.atMs), run.scheduler, numberText(one.probes), part(one.moved), part(one.necessary), part(Math.max(0, one.moved - one.necessary))] }];
  }));
  return told.length === 0 ? '' : table('What each event moved', [{ heading: 'Event', text: true }, { heading: 'At' }, { heading: 'Scheduler', text: true }, { heading: 'Flows asked' }, { heading: 'Changed their server' }, { heading: 'Had to' }, { heading: 'Beyond need' }], told);
}

/** Share of each server under each scheduler, or, with many servers, how far shares lie from what is due. */
export function shareTable(result: LaboratoryResult): string {
  const runs = runsBestFirst(result);
  if (result.servers.length <= SERVERS_AT_MOST) {
    return table('Share of the connections that each server got, and what its weight asks for', [{ heading: 'Scheduler' }, ...result.servers.map(({ name, weight }) => ({ heading: name, unit: `weight ${numberText(weight)}` }))], [
      ...(runs[0] === undefined ? [] : [{ kind: 'best' as const, cells: ['as weights ask', ...result.servers.map(({ name }) => percentOf(runs[0]!.servers.find((one) => one.name === name)?.idealShare))] }]),
      ...runs.map((run): Row => ({ cells: [run.scheduler, ...result.servers.map(({ name }) => percentOf(run.servers.find((one) => one.name === name)?.share))] })),
    ]);
  }
  return table(`Share of the ${result.servers.length} servers beside what their weights ask for (1 = as due)`,
    [{ heading: 'Scheduler' }, { heading: 'Least' }, { heading: '10th percentile' }, { heading: 'Median' }, { heading: '90th percentile' }, { heading: 'Most' }],
    runs.map((run): Row => {
      const parts = run.servers.filter(({ idealShare }) => idealShare > 0).map(({ share, idealShare }) => share / idealShare).sort((a, b) => a - b);
      return { cells: [run.scheduler, ...[0, 0.1, 0.5, 0.9, 1].map((part) => (parts.length === 0 ? '-' : numberText(parts[Math.round(part * (parts.length - 1))]!)))] };
    }));
}

/** Servers that are alike in one line. */
export function serversTable({ servers }: LaboratoryResult): string {
  const kinds = new Map<string, LaboratoryServer[]>();
  for (const server of servers) {
    const kind = servers.length <= SERVERS_AT_MOST ? server.name : JSON.stringify([server.weight, server.capacity, server.concurrency, server.discipline]);
    kinds.set(kind, [...(kinds.get(kind) ?? []), server]);
  }
  return table('Real servers at the start', [{ heading: 'Server' }, { heading: 'Weight' }, { heading: 'Capacity', unit: 'work seconds/s' }, { heading: 'Serves at once', unit: 'connections' }, { heading: 'Discipline', text: true }],
    [...kinds.values()].map((alike): Row => {
      const { name, weight, capacity, concurrency, discipline } = alike[0]!;
      return { cells: [alike.length === 1 ? name : `${name} to ${alike.at(-1)!.name} (${alike.length})`, numberText(weight), numberText(capacity), concurrency === null ? 'any number' : numberText(concurrency), discipline === 'fifo' ? 'first come, first served' : 'processor sharing'] };
    }));
}

export function eventsList({ events }: LaboratoryResult): string {
  if (events.length === 0) return '';
  return `<ol class="events">${events.map(({ atMs, text }) => `<li>${escapeText(`${durationText(atMs)}: ${text}`)}</li>`).join('')}</ol>`;
}

export function factsText({ connections, durationMs, bucketMs, servers, events, seed }: LaboratoryResult): string {
  return `${numberText(connections)} connections in ${durationText(durationMs)} of virtual time to ${servers.length} real server${servers.length === 1 ? '' : 's'}, ${events.length === 0 ? 'no events' : `${events.length} event${events.length === 1 ? '' : 's'}`}, load in steps of ${durationText(bucketMs)}, seed ${seed}.`;
}

export function unitText(unit: string): string {
  return unit.startsWith('of the ') ? `% ${unit}` : unit;
}

function percentOf(part: number | undefined): string {
  return part === undefined ? '-' : percentText(part);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
