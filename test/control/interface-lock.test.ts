import t from 'tap';
import { InterfaceLock } from '../../lib/control/interface-lock.ts';

/** No interface has this index. */
const IFINDEX = 2_000_000_000 + process.pid;

t.test('an interface is locked once, the second taker is told by whom, and releasing frees it', async (t) => {
  const lock = await InterfaceLock.take('eth7', IFINDEX);
  await t.rejects(InterfaceLock.take('eth7', IFINDEX), { code: 'DaemonRunning', message: `interface eth7 is in use by another tsipvsd (process ${process.pid}): stop it, or name other interfaces with --interface` });
  await lock.release();
  const again = await InterfaceLock.take('eth7', IFINDEX);
  await again.release();
});

t.test('other interfaces are not affected', async (t) => {
  const locks = await Promise.all([InterfaceLock.take('eth7', IFINDEX), InterfaceLock.take('eth8', IFINDEX + 1)]);
  t.equal(locks.length, 2);
  for (const lock of locks) await lock.release();
});
