/** Commands that take effect together or not at all. */
import type { ControlCommand } from '../model/control-command.ts';
import { LvsError } from '../model/errors.ts';
import type { ApiCaller } from './api/message.ts';

/** Null, or why they were refused: the refusal of the command at fault, not of those that were left out because of it. */
export async function applyAll(api: ApiCaller, commands: readonly ControlCommand[]): Promise<LvsError | null> {
  if (commands.length === 0) return null;
  try {
    const { results } = await api.call('apply', { commands, atomic: true });
    const refused = results.find((result) => !result.ok && !result.error.message.startsWith('not applied, because')) ?? results.find((result) => !result.ok);
    return refused === undefined || refused.ok ? null : new LvsError(refused.error.code, refused.error.message);
  } catch (error) {
    return error instanceof LvsError ? error : new LvsError('Internal', (error as Error).message);
  }
}
