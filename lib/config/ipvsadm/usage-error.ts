/**
 * A command line that ipvsadm refuses by itself, before the kernel sees it: its message and exit status. Inside -R input some end
 * the run (ipvsadm calls exit) and some only fail their line (it returns).
 */
export class UsageError extends Error {
  readonly exitStatus: number;
  readonly endsRun: boolean;

  constructor(message: string, exitStatus: number, endsRun: boolean) {
    super(message);
    this.name = 'UsageError';
    this.exitStatus = exitStatus;
    this.endsRun = endsRun;
  }
}

/** Wrong usage: status 2. */
export function usage(message: string): UsageError {
  return new UsageError(message, 2, true);
}

/** What option scanning found: status 255, and -R goes on with the next line. */
export function scanError(word: string, problem: string): UsageError {
  return new UsageError(`${word}: ${problem}`, 255, false);
}

/** No command first: status 255. */
export function tryHelp(program: string): UsageError {
  return new UsageError(`Try \`${program} -h' or '${program} --help' for more information.`, 255, true);
}
