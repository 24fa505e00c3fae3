/** How a data-plane thread waits: in poll(2), or for devices that receive in the event loop, there. The first descriptor is the wake eventfd. */
import { eventfdClear, PollSet, watchReadable } from '../../native-shims/index.ts';

export interface Sleep {
  /** Infinity sleeps until something comes. Returns null, or what to wait for. NB: no promise where poll(2) does it. */
  sleep(idleMs: number): Promise<void> | null;
  /** Whether the last sleep found something to read from this descriptor, or may have. */
  found(fd: number): boolean;
}

/** Sleep without the event loop. A signal may come later than what it announces was seen. */
export function pollSleep(fds: readonly number[]): Sleep {
  const set = new PollSet(fds);
  const wakeFd = fds[0]!;
  let ready = 0;
  return {
    sleep(idleMs) {
      ready = idleMs === 0 ? 0 : set.wait(idleMs === Infinity ? -1 : idleMs);
      if (ready > 0 && set.ready(0) !== 0) eventfdClear(wakeFd);
      return null;
    },
    found: (fd) => ready > 0 && set.ready(fds.indexOf(fd)) !== 0,
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
  return {
    sleep: (idleMs) => new Promise((resolve) => {
      if (idleMs <= 0) {
        setImmediate(resolve);
        return;
      }
      const timer = setTimeout(resolve, Math.min(idleMs, 0x7fffffff));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }),
    found: () => true,
  };
}
