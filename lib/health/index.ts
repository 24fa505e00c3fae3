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

export const CHECKERS: { readonly [Kind in CheckKind['kind']]: Checker<Kind> } = {
  tcp: checkTcp, 'send-expect': checkSendExpect, http: checkHttp, dns: checkDns, smtp: checkSmtp, udp: checkUdp, ping: checkPing, exec: checkExec, file: checkFile,
  login: checkLogin, fixed: checkFixed,
};

/** How many parts a check has that are probed one at a time. */
export function stepsOf(check: CheckKind): number {
  return check.kind === 'http' ? Math.max(1, check.urls.length) : 1;
}

/** A constant: what abort() makes by itself is an exception with a stack, which costs as much as a connection. */
const OVER = new ProbeFailure('over');

/** Never rejects. Whoever gives `controller` can end the probe early with it; it is aborted in any case when the probe is over. */
export async function runProbe(
  { check, timing, target: configured }: HealthCheck, target: ProbeTarget, step: number, sockets: ProbeSockets, controller: AbortController = new AbortController(),
): Promise<ProbeOutcome> {
  if (configured.viaVip === true) return failed('probing the virtual address through a real server is not supported');
  const { signal } = controller;
  let outstayed: NodeJS.Immediate | undefined;
  let give: (outcome: ProbeOutcome) => void = () => {};
  const late = new Promise<ProbeOutcome>((resolve) => (give = resolve));
  // The checker hears of it first, and may know better what was missing.
  const ended = (): void => void (outstayed = setImmediate(() => give(failed(`no answer within ${timing.timeoutSec} s`))));
  signal.addEventListener('abort', ended, { once: true });
  const timer = setTimeout(() => controller.abort(OVER), timing.timeoutSec * 1000);
  try {
    return await Promise.race([probe(check, target, { signal, step, sockets }), late]);
  } finally {
    clearTimeout(timer);
    clearImmediate(outstayed);
    signal.removeEventListener('abort', ended);
    controller.abort(OVER);
  }
}

async function probe<Kind extends CheckKind['kind']>(check: Extract<CheckKind, { kind: Kind }>, target: ProbeTarget, context: Parameters<Checker<Kind>>[2]): Promise<ProbeOutcome> {
  try {
    return await (CHECKERS[check.kind] as unknown as Checker<Kind>)(check, target, context);
  } catch (error) {
    return failed(error instanceof ProbeFailure ? error.message : `cannot probe: ${(error as Error).message}`);
  }
}
