/**
 * MISC_CHECK, nanny's send_program, ldirectord's external: a program decides. Whole words %h and %p become address and port. With
 * dynamicWeight exit statuses 2 to 255 mean "up, weight status - 2" (keepalived's misc_dynamic); with expectOutput the program must end
 * with 0 and what it printed, less the last byte, must be exactly that (nanny).
 */
import { failed, PASSED, type Checker } from '../checker.ts';
import { commandWords } from '../command-words.ts';
import { runProgram } from '../run-program.ts';

export const checkExec: Checker<'exec'> = async (check, target, { signal }) => {
  const words = commandWords(check.command).map((word) => (word === '%h' ? target.address : word === '%p' ? String(target.port) : word));
  const [user, group] = (check.user ?? '').split(/[\s:]+/);
  const { status, output, problem } = await runProgram(words, { signal, wantsOutput: check.expectOutput !== undefined, user: user || undefined, group: group || undefined });
  if (status === null) return failed(problem);
  if (check.expectOutput !== undefined) {
    if (status !== 0) return failed(`${words[0]} ended with ${status}`);
    return output.slice(0, -1) === check.expectOutput ? PASSED : failed(`${words[0]} printed ${JSON.stringify(output.slice(0, 60))}`);
  }
  if (check.dynamicWeight && status >= 2) return { ok: true, error: '', weight: status - 2 };
  return status === 0 ? PASSED : failed(`${words[0]} ended with ${status}`);
};
