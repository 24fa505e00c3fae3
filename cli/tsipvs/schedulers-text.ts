/** What the laboratory prints: a table for each scenario, and the lists. */
import type { LaboratoryResult, SchedulerRun } from '../../lib/laboratory/result.ts';
import type { Scenario } from '../../lib/laboratory/scenario.ts';
import { flagsOf, type SchedulerChoice } from '../../lib/laboratory/scheduler-choice.ts';

interface Column { readonly title: string; readonly value: (run: SchedulerRun) => string; readonly wanted: (result: LaboratoryResult) => boolean }

const always = (): boolean => true;
const some = (value: (run: SchedulerRun) => unknown) => ({ runs }: LaboratoryResult): boolean => runs.some((run) => Boolean(value(run)));
const percent = (part: number, of: number): string => (of === 0 ? '-' : ((part / of) * 100).toFixed(1));
const moved = (run: SchedulerRun): number => run.disruption.reduce((sum, { moved, necessary }) => sum + Math.max(0, moved - necessary), 0);
const asked = (run: SchedulerRun): number => run.disruption.reduce((sum, { probes }) => sum + probes, 0);

const COLUMNS: readonly Column[] = [
  { title: 'p50 ms', value: (run) => run.responseMs.p50.toFixed(1), wanted: always },
  { title: 'p99 ms', value: (run) => run.responseMs.p99.toFixed(1), wanted: always },
  { title: 'p99.9 ms', value: (run) => run.responseMs.p999.toFixed(1), wanted: always },
  { title: 'queue ms', value: (run) => run.queueingMs.mean.toFixed(1), wanted: always },
  { title: 'share err %', value: (run) => (run.shareError * 100).toFixed(1), wanted: always },
  { title: 'peak/mean', value: (run) => run.peakToMean.toFixed(2), wanted: always },
  { title: 'moved %', value: (run) => percent(moved(run), asked(run)), wanted: some(asked) },
  { title: 'disagree %', value: ({ disagreement: { differ, flows } }) => percent(differ, flows), wanted: always },
  { title: 'ramp x', value: ({ rampOvershoot }) => rampOvershoot?.toFixed(2) ?? '-', wanted: some(({ rampOvershoot }) => rampOvershoot !== null) },
  { title: 'persist. x', value: ({ persistenceSkew }) => persistenceSkew?.toFixed(2) ?? '-', wanted: some(({ persistenceSkew }) => persistenceSkew !== null) },
  { title: 'lost', value: ({ refused, broken }) => String(refused + broken), wanted: some(({ refused, broken }) => refused + broken) },
  { title: 'ns/pick', value: ({ cost }) => cost?.nsPerPick.toFixed(0) ?? '-', wanted: some(({ cost }) => cost) },
  { title: 'KiB', value: ({ cost }) => ((cost?.schedulerBytes ?? 0) / 1024).toFixed(1), wanted: some(({ cost }) => cost) },
];

export function laboratoryText(result: LaboratoryResult): string {
  const { scenario, connections, durationMs, command, ranking, runs, finding } = result;
  const columns = COLUMNS.filter(({ wanted }) => wanted(result));
  const order = ranking.rows.map(({ scheduler }) => runs.find((run) => run.scheduler === scheduler)!);
  const width = Math.max(9, ...runs.map(({ scheduler }) => scheduler.length));
  const line = (name: string, cells: readonly string[]): string => `  ${name.padEnd(width)} ${cells.map((cell, n) => cell.padStart(Math.max(8, columns[n]!.title.length))).join(' ')}`;
  return [
    `${scenario.title}: ${scenario.question}`,
    `${connections} connections in ${(durationMs / 1000).toFixed(0)} s of virtual time: ${command}`, '',
    line('', columns.map(({ title }) => title)), ...order.map((run) => line(run.scheduler, columns.map(({ value }) => value(run)))), '',
    `Best first by ${ranking.measure}. ${finding}`, '', '',
  ].join('\n');
}

export function scenarioListText(scenarios: readonly Scenario[]): string {
  return `Scenarios\n${scenarios.map(({ name, question }) => `  ${name.padEnd(22)} ${question}`).join('\n')}\n`;
}

export function schedulerListText(choices: readonly SchedulerChoice[]): string {
  const line = ({ name }: SchedulerChoice): string => `  ${name}${flagsOf(name).map((flag) => `  ${name}+${flag.name}`).join('')}`;
  const group = (title: string, research: boolean): string => `${title}\n${choices.filter((one) => one.research === research).map(line).join('\n')}\n`;
  return `${group('Schedulers of the kernel', false)}\n${group('Schedulers of research: in the laboratory alone', true)}`;
}
