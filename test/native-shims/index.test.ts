import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync, spawnSync } from 'node:child_process';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import * as shim from '../../native-shims/index.ts';

const skip = shim.nativeProblem() ?? false;
const compiled = fileURLToPath(new URL('../../native-shims/index.js', import.meta.url));

/** The project's root: the directory of its package.json. */
function root(): string {
  for (let at = dirname(compiled); ; at = dirname(at)) {
    try {
      if ((JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { name: string }).name === 'tsipvs') return at;
    } catch {
      // Not here.
    }
  }
}

t.test('an eventfd counts its signals and wakes poll', { skip }, async (t) => {
  const fd = shim.eventfd();
  t.teardown(() => shim.closeFd(fd));
  const set = new shim.PollSet([fd]);
  t.equal(set.wait(0), 0);
  shim.eventfdSignal(fd);
  shim.eventfdSignal(fd);
  t.equal(set.wait(-1), 1);
  t.equal(set.ready(0), shim.POLLIN);
  t.equal(shim.eventfdClear(fd), 2);
  t.equal(shim.eventfdClear(fd), 0);
  t.same(shim.poll([fd, fd], 0), [0, 0]);
});

t.test('a watched descriptor calls once for each time it becomes readable, and never after the watch ended', { skip }, async (t) => {
  const fd = shim.eventfd();
  t.teardown(() => shim.closeFd(fd));
  const called: number[] = [];
  let wake = (): void => {};
  const stop = shim.watchReadable(fd, () => {
    called.push(shim.eventfdClear(fd));
    if (called.length === 2) stop();
    wake();
  });
  const alive = setInterval(() => {}, 1000);
  for (let i = 1; i <= 2; i++) {
    const arrived = new Promise<void>((resolve) => { wake = resolve; });
    shim.eventfdSignal(fd);
    await arrived;
  }
  clearInterval(alive);
  t.same(called, [1, 1]);
  stop();
  shim.eventfdSignal(fd);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(called, [1, 1]);
});

t.test('a watch that is still on does not keep the process, nor a worker, from ending', { skip }, async (t) => {
  const script = `import * as s from ${JSON.stringify(compiled)}; s.watchReadable(s.eventfd(), () => {});`;
  t.equal(spawnSync(process.execPath, ['--input-type=module', '-e', script]).status, 0);
  const worker = new Worker(`import(${JSON.stringify(compiled)}).then((s) => { s.watchReadable(s.eventfd(), () => {}); });`, { eval: true });
  t.equal(await new Promise((resolve) => worker.once('exit', resolve)), 0);
});

t.test('frames of a datagram socket go out in one call, and a refused one does not hold up the rest', { skip }, async (t) => {
  const [AF_UNIX, SOCK_DGRAM] = [1, 2];
  const directory = mkdtempSync(join(tmpdir(), 'dev-shim-'));
  const [receiver, sender] = [shim.socket(AF_UNIX, SOCK_DGRAM, 0), shim.socket(AF_UNIX, SOCK_DGRAM, 0)];
  const memory = shim.allocate(4096);
  t.teardown(() => {
    [receiver, sender].forEach((fd) => shim.closeFd(fd));
    memory.release();
    memory.release();
    rmSync(directory, { recursive: true });
  });
  shim.bind(receiver, shim.sockaddrUn(join(directory, 'socket')));
  shim.connect(sender, shim.sockaddrUn(join(directory, 'socket')));
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(Buffer.from('onetwothree'));
  t.equal(shim.addressOf(bytes), memory.address);
  const queue = new shim.FrameQueue(4);
  queue.push(memory.address, 3);
  queue.push(1, 3); // nobody's memory: EFAULT
  queue.push(memory.address + 3, 3);
  queue.push(memory.address + 6, 5);
  t.equal(queue.isFull, true);
  t.equal(shim.sendFrames(sender, queue), 3);
  t.equal(queue.outcome[0], 1);
  t.equal(queue.count, 0);
  const got = Array.from({ length: 3 }, () => {
    const out = new Uint8Array(16);
    return Buffer.from(out.subarray(0, shim.receive(receiver, out))).toString();
  });
  t.same(got, ['one', 'two', 'three']);
  t.equal(shim.receive(receiver, new Uint8Array(16), null, shim.MSG_DONTWAIT), -shim.EAGAIN);
});

/** Bytes that are in memory of `bytes` from `address`. */
function resident(address: number, bytes: number): number {
  const PAGE = 4096;
  const entries = Buffer.alloc((bytes / PAGE) * 8);
  const fd = openSync('/proc/self/pagemap', 'r');
  readSync(fd, entries, 0, entries.length, (address / PAGE) * 8);
  closeSync(fd);
  let pages = 0;
  for (let at = 7; at < entries.length; at += 8) if ((entries[at]! & 0x80) !== 0) pages++;
  return pages * PAGE;
}

async function soon(condition: () => boolean): Promise<boolean> {
  for (let waits = 0; waits < 1000 && !condition(); waits++) await new Promise((resolve) => setTimeout(resolve, 10));
  return condition();
}

const [major, minor] = release().split('.').map(Number) as [number, number];
const skipPopulating = skip || (major < 5 || (major === 5 && minor < 14) ? 'Linux before 5.14 does not make memory resident when asked to' : false);

t.test('a populator makes what it is asked for resident, changes nothing of it, and gives memory back', { skip: skipPopulating }, async (t) => {
  const populator = shim.startPopulator();
  const mapping = shim.allocate(8 << 20);
  const words = new Int32Array(mapping.buffer);
  const now = (): number => resident(mapping.address, 8 << 20);
  const begin = (1 << 20) / 4, end = (5 << 20) / 4;
  words[300_000] = 42;
  t.ok(now() < 4 << 20);
  t.throws(() => shim.populateSoon(populator, words, 5, 5), RangeError);
  t.throws(() => shim.populateSoon(populator, words, 0, words.length + 1), RangeError);
  shim.populateSoon(populator, words, begin, end);
  t.ok(await soon(() => now() >= 4 << 20), 'resident');
  t.equal(words[300_000], 42);
  t.equal(words[begin], 0);
  mapping.release(populator);
  t.ok(await soon(() => now() < 4 << 20), 'given back');
  mapping.release(populator);
  shim.endPopulator(populator);
  t.ok(await soon(() => !readdirSync('/proc/self/fd').includes(String(populator.wakeFd))), 'the thread has ended and closed what it waited for');
});

t.test('a refused call names itself and its error', { skip }, async (t) => {
  t.throws(() => shim.socket(99, 1, 0), { name: 'SystemCallError', call: 'socket', code: 'EAFNOSUPPORT', message: 'socket: EAFNOSUPPORT' });
  t.throws(() => shim.enterNetworkNamespace('/nowhere'), { code: 'ENOENT' });
});

t.test('wrong arguments never reach the system', { skip }, async (t) => {
  t.throws(() => shim.closeFd(-1), RangeError);
  t.throws(() => shim.read(1.5, new Uint8Array(1)), RangeError);
  t.throws(() => shim.send(1, new Uint8Array(0)), RangeError);
  t.throws(() => shim.allocate(0), RangeError);
  t.throws(() => shim.ifindexOf('a name too long to be one'), RangeError);
  t.throws(() => shim.sockaddrUn('x'.repeat(108)), RangeError);
  t.throws(() => shim.openTun('a/b', { kind: 'tun' }), RangeError);
  t.throws(() => shim.pinThread(-1), RangeError);
});

t.test('groups, interfaces and clocks', { skip }, async (t) => {
  t.equal(shim.groupIdOf('root'), 0);
  t.equal(shim.groupIdOf('no such group'), null);
  t.equal(shim.ifindexOf('lo') > 0, true);
  t.equal(shim.ifindexOf('nosuchif0'), 0);
  t.ok(shim.monotonicMs() > 0 && shim.threadCpuMs() > 0);
});

t.test('abstract socket addresses are as long as their name', { skip }, async (t) => {
  const [receiver, sender] = [shim.socket(1, 2, 0), shim.socket(1, 2, 0)];
  t.teardown(() => [receiver, sender].forEach((fd) => shim.closeFd(fd)));
  const address = shim.sockaddrUn(`@tsipvs-test-${process.pid}`);
  shim.bind(receiver, address);
  t.same(shim.getsockname(receiver), address);
  t.equal(shim.send(sender, Buffer.from('hello'), address), 5);
  const out = new Uint8Array(16);
  t.equal(shim.receive(receiver, out), 5);
});

t.test('the native part is found from a bundle and from an installed package, and its absence is said in one line', { skip }, async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'dev-native-'));
  t.teardown(() => rmSync(place, { recursive: true }));
  const bundle = join(place, 'node_modules', 'tsipvs', 'dist', 'bin', 'shim.js');
  const esbuild = (await import('esbuild')).default;
  await esbuild.build({ entryPoints: [compiled], bundle: true, platform: 'node', format: 'esm', outfile: bundle });
  const problem = (): string => execFileSync(process.execPath, ['--input-type=module', '-e', `import { nativeProblem } from ${JSON.stringify(bundle)}; console.log(nativeProblem())`], { encoding: 'utf8' }).trim();
  writeFileSync(join(place, 'package.json'), '{"name":"other"}');
  writeFileSync(join(place, 'node_modules', 'tsipvs', 'package.json'), '{"name":"tsipvs","type":"module"}');
  t.match(problem(), /^the native part of tsipvs is not built: run "node native-shims\/build.mjs" in .* \(needs a C compiler\)$/);
  const release = join(place, 'node_modules', 'tsipvs', 'native-shims', 'build', 'Release');
  mkdirSync(release, { recursive: true });
  writeFileSync(join(release, 'tsipvs.node'), 'not an object file');
  t.match(problem(), /does not load/);
  rmSync(join(release, 'tsipvs.node'));
  symlinkSync(join(root(), 'native-shims', 'build', 'Release', 'tsipvs.node'), join(release, 'tsipvs.node'));
  t.equal(problem(), 'null');
});

t.test('an install without a compiler succeeds and says what will not work', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'dev-install-'));
  t.teardown(() => rmSync(place, { recursive: true }));
  const build = join(place, 'build.mjs');
  writeFileSync(build, readFileSync(join(root(), 'native-shims', 'build.mjs')));
  mkdirSync(join(place, 'src'));
  writeFileSync(join(place, 'src', 'x.c'), 'this is not C');
  const run = (...args: string[]) => spawnSync(process.execPath, [build, ...args], { encoding: 'utf8', env: { PATH: place } });
  const installed = run('--install');
  t.equal(installed.status, 0);
  t.match(installed.stderr, /native part not compiled: no C compiler found .*; live devices will not work/);
  t.equal(run().status, 1);
  mkdirSync(join(place, 'prebuilt'));
  writeFileSync(join(place, 'prebuilt', `linux-${process.arch}.node`), '');
  t.match(run('--install').stderr, /using the prebuilt file/);
});
