/** How a data-plane thread waits: in poll(2), or for devices that receive in the event loop, there. The first descriptor is the wake eventfd. */
import { eventfdClear, PollSet, watchReadable } from '../../native-shims/index.ts';

/** Infinity sleeps until something comes. Returns null, or what to wait for. NB: no promise where poll(2) does it. */
export type Sleep = (idleMs: number) => Promise<void> | null;

/** Sleep without the event loop. A signal may come later than what it announces was seen. */
export function pollSleep(fds: readonly number[]): Sleep {
  const set = new PollSet(fds);
  const wakeFd = fds[0]!;
  return (idleMs) => {
    if (idleMs !== 0 && set.wait(idleMs === Infinity ? -1 : idleMs) > 0 && set.ready(0) !== 0) eventfdClear(wakeFd);
    return null;
  };
}

export function eventLoopSleep(fds: readonly number[]): Sleep {
  let wake: () => void = () => {};
  for (const fd of fds) {
    watchReadable(fd, () => {
      if (fd === fds[0]) eventfdClear(fd);
      wake();
    });
  }
  return (idleMs) => new Promise((resolve) => {
    if (idleMs <= 0) {
      setImmediate(resolve);
      return;
    }
    const timer = setTimeout(resolve, Math.min(idleMs, 0x7fffffff));
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
