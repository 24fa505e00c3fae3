/** Something done again and again, with a pause after its end: one that takes long is never begun twice. */
import type { HealthClock } from '../health/clock.ts';

/** Does it every `intervalMs`; what it throws goes to `failed`. Returns what stops it. */
export function repeatedly(clock: Pick<HealthClock, 'after'>, intervalMs: number, act: () => Promise<unknown>, failed: (error: Error) => void): () => void {
  let stop = (): void => {};
  let stopped = false;
  const arm = (): void => {
    if (!stopped) stop = clock.after(intervalMs, () => void act().catch(failed).then(arm));
  };
  arm();
  return () => {
    stopped = true;
    stop();
  };
}
