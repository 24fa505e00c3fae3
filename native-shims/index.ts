/**
 * The only door to system calls that Node does not offer: packet sockets, rings, netlink, TUN, bpf(2), poll. Every argument is checked
 * here, the C behind it checks nothing; what to do with the calls is decided elsewhere. Set-up calls throw SystemCallError; the few
 * calls of the packet path (poll, sendFrames, writeFrames, readFrames, kick, receive) return -errno, because a packet can never throw.
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { native, nativeProblem } from './native-file.ts';

export { nativeProblem };
export * from './sockaddr.ts';

/** A refused system call: "bind: EADDRINUSE". */
export class SystemCallError extends Error {
  readonly call: string;
  /** "EPERM". */
  readonly code: string;
  /** Positive. */
  readonly errno: number;
  constructor(call: string, errno: number) {
    const code = errorName(errno);
    super(`${call}: ${code}`);
    this.name = 'SystemCallError';
    this.call = call;
    this.code = code;
    this.errno = errno;
  }
}

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
/** Told of when it happens, not for as long as it lasts. */
export const EPOLLET = 0x8000_0000 | 0;
export const EAGAIN = constants.errno.EAGAIN;
export const ENOBUFS = constants.errno.ENOBUFS;
export const EINTR = constants.errno.EINTR;
export const EINPROGRESS = constants.errno.EINPROGRESS;

const NAME_MAX = 15;
const O_RDWR_NONBLOCK = 0o2 | 0o4000;
const CLONE_NEWNET = 0x40000000;
const CLOCK_MONOTONIC = 1;
const CLOCK_THREAD_CPUTIME_ID = 3;

/* ---- descriptors ---- */

/** Open for reading and writing, non-blocking. */
export function openDevice(path: string): number {
  return check('open', native().open(text(path), O_RDWR_NONBLOCK));
}

export function closeFd(fd: number): void {
  check('close', native().close(descriptor(fd)));
}

/** Bytes read, or -errno. */
export function read(fd: number, bytes: Uint8Array): number {
  return native().read(descriptor(fd), filled(bytes));
}

/** Bytes written, or -errno. */
export function write(fd: number, bytes: Uint8Array): number {
  return native().write(descriptor(fd), filled(bytes));
}

/** A structure of the kernel's in `argument`, or a plain number. */
export function ioctl(fd: number, request: number, argument: Uint8Array | number): number {
  if (typeof argument !== 'number') filled(argument);
  return check(`ioctl 0x${request.toString(16)}`, native().ioctl(descriptor(fd), whole(request, 'request'), argument));
}

/** An event counter for waking a thread that sleeps in poll. Non-blocking. */
export function eventfd(): number {
  return check('eventfd', native().eventfd());
}

export function eventfdSignal(fd: number): void {
  native().eventfdSignal(descriptor(fd));
}

/** How often it was signalled since the last call; resets it. */
export function eventfdClear(fd: number): number {
  return native().eventfdClear(descriptor(fd));
}

/** A set of descriptors that is a descriptor itself: readable while one of them is. One that is closed leaves it. */
export function epoll(): number {
  return check('epoll_create', native().epollCreate());
}

export function epollAdd(epollFd: number, fd: number): void {
  check('epoll_ctl', native().epollAdd(descriptor(epollFd), descriptor(fd)));
}

/** Tell of `fd` under `number` (32 bits) each time one of `events` (EPOLL*) happens to it; errors and hang-ups are told of in any case. */
export function epollWatch(epollFd: number, fd: number, events: number, number: number): void {
  check('epoll_ctl', native().epollWatch(descriptor(epollFd), descriptor(fd), events, number));
}

/** What happened, up to 64 pairs of (number, events), into `pairs`: how many, or -errno. Does not wait. */
export function epollTake(epollFd: number, pairs: Int32Array): number {
  return native().epollTake(descriptor(epollFd), pairs);
}

/** The descriptors of one poll call, laid out once as struct pollfd and used again and again. */
export class PollSet {
  readonly #words: Int32Array;
  readonly #fds: readonly number[];

  constructor(fds: readonly number[], events = POLLIN) {
    native();
    this.#fds = [...fds];
    this.#words = new Int32Array(Math.max(2, fds.length * 2));
    fds.forEach((fd, i) => {
      this.#words[i * 2] = descriptor(fd);
      this.#words[i * 2 + 1] = events & 0xffff;
    });
  }

  /** Sleep until one is ready or `timeoutMs` is over (-1 = for ever, fractions round up). Number of ready ones, or -errno. */
  wait(timeoutMs: number): number {
    const capped = timeoutMs < 0 ? -1 : timeoutMs > 0x7fffffff ? 0x7fffffff : Math.ceil(timeoutMs);
    return native().poll(this.#words, this.#fds.length, capped);
  }

  /** POLLIN, POLLERR ... of the i-th descriptor after wait(). */
  ready(i: number): number {
    return (this.#words[i * 2 + 1]! >> 16) & 0xffff;
  }
}

/** poll(2) once: the returned events per descriptor. For set-up and tests; loops keep a PollSet. */
export function poll(fds: readonly number[], timeoutMs: number, events = POLLIN): number[] {
  const set = new PollSet(fds, events);
  set.wait(timeoutMs);
  return fds.map((_fd, i) => set.ready(i));
}

const oneFd = new Int32Array(2);

/** poll(2) of one descriptor, without waiting: the returned events. */
export function pollNow(fd: number, events = POLLIN): number {
  oneFd[0] = descriptor(fd);
  oneFd[1] = events;
  return native().poll(oneFd, 1, 0) > 0 ? (oneFd[1]! >> 16) & 0xffff : 0;
}

/**
 * Call `listener` from the event loop whenever the descriptor is readable, without using any time in between. Does not keep the process
 * alive. Returns how to stop; stop before closing the descriptor.
 */
export function watchReadable(fd: number, listener: () => void): () => void {
  const handle = native().watchReadable(descriptor(fd), listener);
  if (typeof handle === 'number') throw new SystemCallError('watch', -handle);
  let active = true;
  return () => {
    if (active) native().unwatchReadable(handle);
    active = false;
  };
}

/* ---- sockets ---- */

export function socket(domain: number, type: number, protocol: number): number {
  return check('socket', native().socket(whole(domain, 'domain'), whole(type, 'type'), whole(protocol, 'protocol')));
}

/** Socket addresses come from sockaddr*(). */
export function bind(fd: number, address: Uint8Array): void {
  check('bind', native().bind(descriptor(fd), filled(address)));
}

export function connect(fd: number, address: Uint8Array): void {
  check('connect', native().connect(descriptor(fd), filled(address)));
}

/** Begin to connect a non-blocking socket: 0 when that is all, -EINPROGRESS when it takes longer, another -errno when it failed. */
export function beginConnect(fd: number, address: Uint8Array): number {
  return native().connect(descriptor(fd), filled(address));
}

export function getsockname(fd: number): Uint8Array {
  const out = new Uint8Array(128);
  return out.subarray(0, check('getsockname', native().getsockname(descriptor(fd), out)));
}

/** A number is passed as an int. */
export function setsockopt(fd: number, level: number, name: number, value: Uint8Array | number): void {
  const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : filled(value);
  check(`setsockopt ${level}/${name}`, native().setsockopt(descriptor(fd), whole(level, 'level'), whole(name, 'option'), bytes));
}

/** Returns the length; with an Int32Array of one element this is the usual int option. */
export function getsockopt(fd: number, level: number, name: number, out: Uint8Array): number {
  return check(`getsockopt ${level}/${name}`, native().getsockopt(descriptor(fd), whole(level, 'level'), whole(name, 'option'), filled(out)));
}

/** Bytes sent, or -errno. */
export function send(fd: number, bytes: Uint8Array, address: Uint8Array | null = null, flags = 0): number {
  return native().sendto(descriptor(fd), filled(bytes), whole(flags, 'flags'), address);
}

/** Bytes received, or -errno (-EAGAIN on a non-blocking socket without data). The sender goes into `address`. */
export function receive(fd: number, bytes: Uint8Array, address: Uint8Array | null = null, flags = 0): number {
  return native().recvfrom(descriptor(fd), filled(bytes), whole(flags, 'flags'), address);
}

export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const MSG_ERRQUEUE = 0x2000;

/* ---- many frames at once ---- */

/** Frames for sendFrames and writeFrames: filled and emptied without allocating. */
export class FrameQueue {
  readonly addresses: Float64Array;
  readonly lengths: Int32Array;
  count = 0;
  /** Frames the kernel refused in the last call, and its last errno. */
  readonly outcome = new Int32Array(2);

  constructor(capacity: number) {
    native();
    this.addresses = new Float64Array(capacity);
    this.lengths = new Int32Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.lengths.length;
  }

  /** The memory at `address` must stay mapped until the queue was sent. */
  push(address: number, length: number): void {
    this.addresses[this.count] = address;
    this.lengths[this.count++] = length;
  }
}

/** sendmmsg(2) of the whole queue; refused frames are skipped. Empties the queue and returns how many were sent. */
export function sendFrames(fd: number, queue: FrameQueue): number {
  const sent = native().sendFrames(fd, queue.addresses, queue.lengths, queue.count, queue.outcome);
  queue.count = 0;
  return sent;
}

/** The same with one write(2) a frame, for TUN and TAP descriptors. */
export function writeFrames(fd: number, queue: FrameQueue): number {
  const written = native().writeFrames(fd, queue.addresses, queue.lengths, queue.count, queue.outcome);
  queue.count = 0;
  return written;
}

/** read(2) into `address`, `address + stride` ... until nothing waits: how many (lengths filled), or -errno. */
export function readFrames(fd: number, address: number, stride: number, capacity: number, lengths: Int32Array): number {
  return native().readFrames(fd, address, stride, capacity, lengths.length, lengths);
}

/** recvmmsg(2) of up to `count` (64 at most) waiting messages into `address`, `address + stride` ...: how many came. The length of one that was longer than `capacity` is -1. */
export function receiveFrames(fd: number, address: number, stride: number, capacity: number, count: number, lengths: Int32Array): number {
  return native().receiveFrames(fd, address, stride, capacity, Math.min(count, lengths.length), lengths);
}

/** Tell an AF_XDP socket to send what its transmit ring holds: 0, or -errno (-EAGAIN: some sent, call again). */
export function kick(fd: number): number {
  return native().kick(fd);
}

/* ---- memory ---- */

/** A mapping of the kernel's: `release()` unmaps it, or has a populator's thread do so, since that can take long; after that touching `buffer` crashes; drop all views first. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  readonly address: number;
  release(populator?: Populator): void;
}

/** Map a descriptor (a packet ring, or one of several at their offsets), shared; right behind it, in one buffer, `extra` bytes as of allocate(). */
export function mapDescriptor(fd: number, length: number, offset = 0, extra = 0): Mapping {
  return map(descriptor(fd), length, false, whole(offset, 'offset'), whole(extra, 'extra'));
}

/** Page-aligned zeroed memory; pages are only used when touched. `huge` asks for transparent huge pages. */
export function allocate(length: number, huge = false): Mapping {
  return map(-1, length, huge);
}

/** A view of memory of this process: what allocate() has mapped, in another thread. It must stay mapped as long as the view is used. */
export function memoryAt(address: number, length: number): ArrayBuffer {
  if (!(address > 0 && length > 0)) throw new RangeError(`memory of ${length} bytes at ${address}`);
  return native().arrayBufferAt(address, whole(length, 'length'));
}

/** Address of a typed array's first byte. Only valid while the array is referenced. */
export function addressOf(bytes: ArrayBufferView): number {
  return native().addressOf(bytes);
}

/** The way to a thread that makes memory resident and gives it back, for any thread of this process that knows these descriptors. */
export interface Populator {
  readonly pipeFd: number;
  readonly wakeFd: number;
}

/** Starts such a thread: whoever uses memory that was asked for ahead does not wait for the system to clear its pages. */
export function startPopulator(): Populator {
  const fds = new Int32Array(2);
  check('populator', native().startPopulator(fds));
  return { pipeFd: fds[0]!, wakeFd: fds[1]! };
}

/** The thread ends when it has done what it was asked for. Nobody may ask any more. */
export function endPopulator({ pipeFd, wakeFd }: Populator): void {
  closeFd(pipeFd);
  eventfdSignal(wakeFd);
}

/** Have elements begin .. end - 1 made resident, without waiting for it. Their contents stay. Where that cannot be, nothing happens (Linux before 5.14, or thousands of requests are waiting). */
export function populateSoon({ pipeFd, wakeFd }: Populator, words: Int32Array, begin: number, end: number): void {
  if (!(begin >= 0 && end > begin && end <= words.length)) throw new RangeError(`elements ${begin} to ${end} of ${words.length}`);
  native().populateSoon(descriptor(pipeFd), descriptor(wakeFd), words, begin * words.BYTES_PER_ELEMENT, (end - begin) * words.BYTES_PER_ELEMENT);
}

/* ---- the host ---- */

/** 0 where there is no such interface. */
export function ifindexOf(name: string): number {
  return Math.max(0, native().ifNameToIndex(text(interfaceName(name))));
}

/** Move this thread into a network namespace ("/run/netns/x"). Other threads stay where they are. */
export function enterNetworkNamespace(path: string): void {
  check(`setns ${path}`, native().setns(text(path), CLONE_NEWNET));
}

/** Give this thread a network namespace of its own, with nothing in it. */
export function newNetworkNamespace(): void {
  check('unshare', native().unshare(CLONE_NEWNET));
}

/** Group id by name, null if there is none. */
export function groupIdOf(name: string): number | null {
  const id = native().groupId(text(name));
  return id < 0 ? null : id;
}

/** Run this thread on one processor only. */
export function pinThread(cpu: number): void {
  if (!(cpu >= 0 && cpu < 1024)) throw new RangeError(`processor ${cpu}`);
  check('sched_setaffinity', native().setAffinity(whole(cpu, 'processor')));
}

export function monotonicMs(): number {
  return native().clockMs(CLOCK_MONOTONIC);
}

/** Processor time this thread has used. */
export function threadCpuMs(): number {
  return native().clockMs(CLOCK_THREAD_CPUTIME_ID);
}

/** bpf(2): the attribute structure of `command` as bytes; result or -errno. Buffers named in it must stay referenced. */
export function bpf(command: number, attr: Uint8Array): number {
  return native().bpf(whole(command, 'command'), filled(attr));
}

/* ---- TUN and TAP ---- */

export const IFF_TUN = 1;
export const IFF_TAP = 2;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;

export interface TunOptions {
  readonly kind: 'tun' | 'tap';
  /** Length of the virtio_net_hdr in front of every frame (10 or 12; 0 = none): checksums may be partial, frames larger than the MTU. */
  readonly vnetHeaderLength?: number;
  /** TUN_F_ bits: what the host's stack may leave undone in frames it sends us. */
  readonly offloads?: number;
}

/** Create the interface `name` ("%d" in it is numbered by the kernel). It vanishes when the descriptor is closed. */
export function openTun(name: string, options: TunOptions): { readonly fd: number; readonly name: string } {
  const fd = openDevice('/dev/net/tun');
  try {
    const request = new Uint8Array(40);
    request.set(Buffer.from(interfaceName(name), 'latin1'));
    const flags = (options.kind === 'tun' ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_TUN_EXCL | (options.vnetHeaderLength ? IFF_VNET_HDR : 0);
    new DataView(request.buffer).setUint16(16, flags, true);
    ioctl(fd, TUNSETIFF, request);
    if (options.vnetHeaderLength) ioctl(fd, TUNSETVNETHDRSZ, new Uint8Array(Int32Array.of(options.vnetHeaderLength).buffer));
    if (options.offloads) ioctl(fd, TUNSETOFFLOAD, options.offloads);
    return { fd, name: Buffer.from(request.subarray(0, 16)).toString('latin1').replace(/\0.*/s, '') };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/* ---- checks ---- */

function errorName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

function check(call: string, value: number): number {
  if (value < 0) throw new SystemCallError(call, -value);
  return value;
}

function descriptor(fd: number): number {
  if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`file descriptor ${fd}`);
  return fd;
}

function whole(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${what} ${value}`);
  return value;
}

function filled(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === 0) throw new RangeError('empty buffer');
  return bytes;
}

function text(value: string): Uint8Array {
  if (value.includes('\0')) throw new RangeError('name with a NUL byte');
  return Buffer.from(`${value}\0`, 'utf8');
}

function interfaceName(name: string): string {
  if (name === '' || name.length > NAME_MAX || /[\s/]/.test(name)) throw new RangeError(`"${name}" cannot be an interface name`);
  return name;
}

function map(fd: number, length: number, huge: boolean, offset = 0, extra = 0): Mapping {
  if (!(length > 0)) throw new RangeError(`mapping of ${length} bytes`);
  const address = check('mmap', native().mmap(fd, whole(length, 'length'), huge ? 1 : 0, offset, extra));
  let mapped = true;
  return {
    buffer: native().arrayBufferAt(address, length + extra),
    address,
    release(populator) {
      if (mapped) {
        // NB: what cannot be asked for now stays mapped.
        if (populator === undefined) native().munmap(address, length + extra);
        else native().munmapSoon(descriptor(populator.pipeFd), descriptor(populator.wakeFd), address, length + extra);
      }
      mapped = false;
    },
  };
}
