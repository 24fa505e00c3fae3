/**
 * The registry of checkers, and the one way to run them: with a deadline for the whole probe that no checker can outstay, and with
 * every way to fail turned into an outcome.
 */
import type { CheckKind, HealthCheck } from '../model/health-check.ts';
import { failed, ProbeFailure, type Checker, type ProbeOutcome, type ProbeSockets, type ProbeTarget } from './checker.ts';
import { checkDns } from './checks/dns.ts';
import { checkExec } from './checks/exec.ts';
import { checkFile } from './checks/file.ts';
import { checkFixed } from './checks/fixed.ts';
import { checkHttp } from './checks/http.ts';
import { checkLogin } from './checks/login.ts';
import { checkPing } from './checks/ping.ts';
import { checkSendExpect } from './checks/send-expect.ts';
import { checkSmtp } from './checks/smtp.ts';
import { checkTcp } from './checks/tcp.ts';
import { checkUdp } from './checks/udp.ts';
import { Stop } from './stop-signal.ts';

export const CHECKERS: { readonly [Kind in CheckKind['kind']]: Checker<Kind> } = {
  tcp: checkTcp, 'send-expect': checkSendExpect, http: checkHttp, dns: checkDns, smtp: checkSmtp, udp: checkUdp, ping: checkPing, exec: checkExec, file: checkFile,
  login: checkLogin, fixed: checkFixed,
};

/** How many parts a check has that are probed one at a time. */
export function stepsOf(check: CheckKind): number {
  return check.kind === 'http' ? Math.max(1, check.urls.length) : 1;
}

/** The longest delay of setTimeout. */
const MOST_TIMEOUT_MS = 0x7fffffff;

/** Never rejects. Whoever gives `stop` can end the probe early with it; it is stopped in any case when the probe is over. */
export function runProbe({ check, timing }: HealthCheck, target: ProbeTarget, step: number, sockets: ProbeSockets, stop: Stop = new Stop()): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    let outstayed: NodeJS.Immediate | undefined;
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      if (outstayed !== undefined) clearImmediate(outstayed);
      stop.removeEventListener('abort', ended);
      stop.abort();
      resolve(outcome);
    };
    // The checker hears of it first, and may know better what was missing.
    const ended = (): void => void (outstayed = setImmediate(() => end(failed(`no answer within ${timing.timeoutSec} s`))));
    stop.addEventListener('abort', ended);
    const timer = setTimeout(() => stop.abort(), Math.min(timing.timeoutSec * 1000, MOST_TIMEOUT_MS));
    void probe(check, target, { signal: stop, step, sockets }).then(end);
  });
}

async function probe<Kind extends CheckKind['kind']>(check: Extract<CheckKind, { kind: Kind }>, target: ProbeTarget, context: Parameters<Checker<Kind>>[2]): Promise<ProbeOutcome> {
  try {
    return await (CHECKERS[check.kind] as unknown as Checker<Kind>)(check, target, context);
  } catch (error) {
    return failed(error instanceof ProbeFailure ? error.message : `cannot probe: ${(error as Error).message}`);
  }
}
