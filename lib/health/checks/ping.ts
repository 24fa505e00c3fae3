/** PING_CHECK and ldirectord's ping: an ICMP echo is answered. */
import { failed, PASSED, type Checker } from '../checker.ts';

export const checkPing: Checker<'ping'> = async (_check, target, { sockets, signal }) => {
  try {
    await sockets.ping(target, target.address.includes(':') ? 6 : 4, signal);
    return PASSED;
  } catch (error) {
    return failed((error as Error).message);
  }
};
