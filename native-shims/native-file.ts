/**
 * Finds and loads the native part, once and only when something needs it: listing a table or replaying a capture never does.
 * The compiled code may lie in dist/, dist-x/, a bundle in dist/bin/ or an installed package, so the file is looked for from the
 * package.json of tsipvs upwards of here: first what the installer compiled, then what the package brought along.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled module as it is: unchecked calls that return a result or -errno. Only native-shims/index.ts talks to it. */
export interface NativeModule {
  open(path: Uint8Array, flags: number): number;
  close(fd: number): number;
  read(fd: number, bytes: Uint8Array): number;
  write(fd: number, bytes: Uint8Array): number;
  ioctl(fd: number, request: number, argument: Uint8Array | number): number;
  poll(fds: Int32Array, count: number, timeoutMs: number): number;
  epollCreate(): number;
  epollAdd(epollFd: number, fd: number): number;
  epollWatch(epollFd: number, fd: number, events: number, number: number): number;
  epollTake(epollFd: number, pairs: Int32Array): number;
  eventfd(): number;
  eventfdSignal(fd: number): number;
  eventfdClear(fd: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  getsockname(fd: number, out: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, out: Uint8Array): number;
  sendto(fd: number, bytes: Uint8Array, flags: number, address: Uint8Array | null): number;
  recvfrom(fd: number, bytes: Uint8Array, flags: number, address: Uint8Array | null): number;
  sendFrames(fd: number, addresses: Float64Array, lengths: Int32Array, count: number, out: Int32Array): number;
  writeFrames(fd: number, addresses: Float64Array, lengths: Int32Array, count: number, out: Int32Array): number;
  readFrames(fd: number, address: number, stride: number, capacity: number, max: number, lengths: Int32Array): number;
  receiveFrames(fd: number, address: number, stride: number, capacity: number, count: number, lengths: Int32Array): number;
  kick(fd: number): number;
  mmap(fd: number, length: number, huge: number, offset: number, extra: number): number;
  munmap(address: number, length: number): number;
  arrayBufferAt(address: number, length: number): ArrayBuffer;
  addressOf(bytes: ArrayBufferView): number;
  startPopulator(out: Int32Array): number;
  munmapSoon(pipeFd: number, wakeFd: number, address: number, length: number): number;
  populateSoon(pipeFd: number, wakeFd: number, words: Int32Array, offset: number, bytes: number): number;
  ifNameToIndex(name: Uint8Array): number;
  setns(path: Uint8Array, type: number): number;
  unshare(flags: number): number;
  groupId(name: Uint8Array): number;
  setAffinity(cpu: number): number;
  clockMs(clock: number): number;
  bpf(command: number, attr: Uint8Array): number;
  watchReadable(fd: number, callback: () => void): unknown;
  unwatchReadable(handle: unknown): number;
}

let loaded: NativeModule | undefined;
let failure: string | undefined;

/** Null when the native part can be used, else one line that says what is missing and how to get it. */
export function nativeProblem(): string | null {
  if (!loaded && failure === undefined) load();
  return failure ?? null;
}

export function native(): NativeModule {
  if (loaded) return loaded;
  const problem = nativeProblem();
  if (problem !== null) throw new Error(problem);
  return loaded!;
}

function load(): void {
  if (process.platform !== 'linux') {
    failure = `live devices need Linux, this is ${process.platform}`;
    return;
  }
  const root = packageRoot();
  const files = root === null ? [] : [
    join(root, 'native-shims', 'build', 'Release', 'tsipvs.node'),
    join(root, 'native-shims', 'prebuilt', `linux-${process.arch}.node`),
  ];
  const reasons: string[] = [];
  for (const file of files.filter((name) => existsSync(name))) {
    try {
      loaded = createRequire(import.meta.url)(file) as NativeModule;
      return;
    } catch (error) {
      reasons.push((error as Error).message.split('\n')[0]!);
    }
  }
  const why = reasons.length > 0 ? `does not load (${reasons.join('; ')})` : 'is not built';
  failure = `the native part of tsipvs ${why}: run "node native-shims/build.mjs"${root === null ? '' : ` in ${root}`} (needs a C compiler)`;
}

/** The directory of tsipvs' package.json, walking up from this file. */
function packageRoot(): string | null {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const manifest = join(at, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'tsipvs') return at;
    if (dirname(at) === at) return null;
  }
}
