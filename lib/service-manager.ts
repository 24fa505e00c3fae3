/** What systemd wants to hear of a service of Type=notify (sd_notify(3)): one datagram to the socket named in NOTIFY_SOCKET. */
import { closeFd, nativeProblem, send, sockaddrUn, socket } from '../native-shims/index.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

export type ServiceState = 'READY=1' | 'STOPPING=1' | 'RELOADING=1';

/** Returns null, or one line saying why nobody was told. */
export function notifyServiceManager(notifySocket: string | undefined, state: ServiceState): string | null {
  if (notifySocket === undefined || notifySocket === '') return null;
  const problem = nativeProblem();
  if (problem !== null) return `cannot notify the service manager: ${problem}`;
  try {
    const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    try {
      const sent = send(fd, Buffer.from(state), sockaddrUn(notifySocket));
      return sent < 0 ? `cannot notify the service manager at ${notifySocket}: errno ${-sent}` : null;
    } finally {
      closeFd(fd);
    }
  } catch (error) {
    return `cannot notify the service manager at ${notifySocket}: ${(error as Error).message}`;
  }
}
