/** What the laboratory prints: the lists of scenarios and schedulers. */
import type { Scenario } from '../../lib/laboratory/scenario.ts';
import { flagsOf, type SchedulerChoice } from '../../lib/laboratory/scheduler-choice.ts';

export function scenarioListText(scenarios: readonly Scenario[]): string {
  return `Scenarios\n${scenarios.map(({ name, question }) => `  ${name.padEnd(22)} ${question}`).join('\n')}\n`;
}

export function schedulerListText(choices: readonly SchedulerChoice[]): string {
  const line = ({ name }: SchedulerChoice): string => `  ${name}${flagsOf(name).map((flag) => `  ${name}+${flag.name}`).join('')}`;
  const group = (title: string, research: boolean): string => `${title}\n${choices.filter((one) => one.research === research).map(line).join('\n')}\n`;
  return `${group('Schedulers of the kernel', false)}\n${group('Schedulers of research: in the laboratory alone', true)}`;
}
