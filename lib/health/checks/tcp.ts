/** TCP_CHECK, ldirectord's connect, haproxy's check: the connection is accepted. */
import { PASSED, type Checker } from '../checker.ts';
import { ProbeConnection } from '../probe-connection.ts';

export const checkTcp: Checker<'tcp'> = async (_check, target, context) => {
  (await ProbeConnection.open(target, context)).close();
  return PASSED;
};
