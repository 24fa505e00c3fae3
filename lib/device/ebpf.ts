/**
 * eBPF without a compiler: an assembler for the few instructions that our filters need (RFC 9669), and the bpf(2) commands to load maps
 * and programs and to attach them by link. A link ends with the descriptor that holds it, so nothing is left in the kernel when
 * the process ends, however it ends.
 */
import { addressOf, bpf, closeFd, SystemCallError } from '../../native-shims/index.ts';

export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
/** Access size in bytes. */
export type Size = 1 | 2 | 4 | 8;
/** Jump conditions; all compare the lower 32 bits, unsigned. */
export type Condition = '==' | '!=' | '>' | '<' | '>=' | '&';

const SIZE_BITS: Readonly<Record<Size, number>> = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 };
const CONDITION_BITS: Readonly<Record<Condition, number>> = { '==': 0x10, '>': 0x20, '>=': 0x30, '&': 0x40, '!=': 0x50, '<': 0xa0 };
const ALU_BITS = { add: 0x00, sub: 0x10, mul: 0x20, or: 0x40, and: 0x50, lsh: 0x60, rsh: 0x70, xor: 0xa0, mov: 0xb0 } as const;
export type Operation = keyof typeof ALU_BITS;

const LDX = 0x61;
const ST = 0x62;
const STX = 0x63;
const ALU64 = 0x07;
const FROM_REGISTER = 0x08;
const JMP32 = 0x06;
const JMP = 0x05;
const CALL = 0x85;
const EXIT = 0x95;
const TO_BIG_ENDIAN = 0xdc;
const LOAD_MAP = 0x18;
const PSEUDO_MAP_FD = 1;
/** A jump reaches over 32767 instructions; long before that it is helped on. */
const ISLAND_EVERY = 8000;

/**
 * Writes instructions in order. Jumps name labels, which are placed further on (our programs have no loops). In a long program there are
 * islands: every so often, jumps that still wait for their label are led to a new jump there.
 */
export class Assembler {
  readonly #words: number[] = [];
  /** Jumps that wait for a label. */
  readonly #waiting = new Map<string, number[]>();
  #lastIsland = 0;
  /** The instruction that the latest label led jumps to. */
  #reachedAt = -1;
  #unique = 0;

  /** Instructions so far. */
  get length(): number {
    return this.#words.length / 2;
  }

  /** A label that no other place uses. */
  fresh(): string {
    return `#${this.#unique++}`;
  }

  label(name: string): this {
    for (const jump of this.#waiting.get(name) ?? []) this.#lead(jump);
    if (this.#waiting.delete(name)) this.#reachedAt = this.length;
    return this;
  }

  alu(operation: Operation, target: Register, value: number): this {
    return this.#emit(ALU64 | ALU_BITS[operation], target, 0, 0, value);
  }

  aluRegister(operation: Operation, target: Register, source: Register): this {
    return this.#emit(ALU64 | FROM_REGISTER | ALU_BITS[operation], target, source, 0, 0);
  }

  /** target = *(base + offset), zero-extended. */
  load(size: Size, target: Register, base: Register, offset: number): this {
    return this.#emit(LDX | SIZE_BITS[size], target, base, offset, 0);
  }

  store(size: Size, base: Register, offset: number, source: Register): this {
    return this.#emit(STX | SIZE_BITS[size], base, source, offset, 0);
  }

  storeValue(size: Size, base: Register, offset: number, value: number): this {
    return this.#emit(ST | SIZE_BITS[size], base, 0, offset, value);
  }

  /** Turn a 16-bit value between host and network order. */
  bigEndian16(target: Register): this {
    return this.#emit(TO_BIG_ENDIAN, target, 0, 0, 16);
  }

  jump(label: string): this {
    return this.#jump(label, JMP, 0, 0);
  }

  jumpIf(register: Register, condition: Condition, value: number, label: string): this {
    return this.#jump(label, JMP32 | CONDITION_BITS[condition], register, value);
  }

  /** 64-bit test, for the pointers that helpers return. */
  jumpIfZero(register: Register, label: string): this {
    return this.#jump(label, JMP | CONDITION_BITS['=='], register, 0);
  }

  /** Result in r0; r1 to r5 are lost. */
  call(helper: number): this {
    return this.#emit(CALL, 0, 0, 0, helper);
  }

  loadMap(target: Register, mapFd: number): this {
    this.#emit(LOAD_MAP, target, PSEUDO_MAP_FD, 0, mapFd);
    return this.#emit(0, 0, 0, 0, 0);
  }

  exit(): this {
    return this.#emit(EXIT, 0, 0, 0, 0);
  }

  /** The program as struct bpf_insn[]. */
  assemble(): Uint8Array {
    for (const label of this.#waiting.keys()) throw new Error(`eBPF label ${label} is nowhere`);
    return new Uint8Array(Int32Array.from(this.#words).buffer);
  }

  #jump(label: string, opcode: number, register: Register, value: number): this {
    this.#emit(opcode, register, 0, 0, value);
    const waiting = this.#waiting.get(label);
    if (waiting) waiting.push(this.length - 1);
    else this.#waiting.set(label, [this.length - 1]);
    return this;
  }

  /** Make the jump at `jump` land on the next instruction. */
  #lead(jump: number): void {
    this.#words[jump * 2]! |= (this.length - jump - 1) << 16;
  }

  #emit(opcode: number, target: number, source: number, offset: number, value: number): this {
    // NB: not within a map load, which is two instructions.
    if (this.length - this.#lastIsland >= ISLAND_EVERY && opcode !== 0) this.#putIsland();
    this.#words.push((opcode | (target << 8) | (source << 12) | (offset << 16)) | 0, value | 0);
    return this;
  }

  #putIsland(): void {
    const last = this.#words.at(-2)! & 0xff;
    // The verifier refuses instructions that nothing reaches: behind a jump or an end no way round the island is needed.
    const around = (last === JMP || last === EXIT) && this.#reachedAt !== this.length ? -1 : this.length;
    this.#lastIsland = this.length;
    if (around >= 0) this.#emit(JMP, 0, 0, 0, 0);
    for (const [label, jumps] of this.#waiting) {
      jumps.forEach((jump) => this.#lead(jump));
      this.#emit(JMP, 0, 0, 0, 0);
      this.#waiting.set(label, [this.length - 1]);
    }
    if (around >= 0) this.#lead(around);
  }
}

export const MAP_HASH = 1;
export const MAP_LPM_TRIE = 11;
const MAP_XSKMAP = 17;
const BPF_F_NO_PREALLOC = 1;
const PROG_TYPE_SCHED_CLS = 3;
const PROG_TYPE_XDP = 6;
/** XDP frames in several buffers may come (jumbo frames); without it drivers refuse the program on long MTUs. */
const BPF_F_XDP_HAS_FRAGS = 32;
export const XDP = 37;
export const TCX_INGRESS = 46;
export const TCX_EGRESS = 47;
/** How an XDP link is attached: by the driver before there is a socket buffer, or by the stack after. */
export const XDP_GENERIC = 2;
export const XDP_NATIVE = 4;

const MAP_CREATE = 0;
const MAP_UPDATE = 2;
const PROG_LOAD = 5;
const PROG_TEST_RUN = 10;
const MAP_UPDATE_BATCH = 26;
const MAP_DELETE_BATCH = 27;
const LINK_CREATE = 28;
const LINK_UPDATE = 29;
const ATTR_BYTES = 120;
const ENOENT = 2;
const LOG_BYTES = 1024 * 1024;

/** A map with 4-byte values, of which only presence matters. */
export class BpfMap {
  readonly fd: number;
  readonly #keyBytes: number;

  constructor(type: number, keyBytes: number, maxEntries: number) {
    const attr = new Attribute();
    attr.u32(0, type).u32(4, keyBytes).u32(8, 4).u32(12, maxEntries).u32(16, BPF_F_NO_PREALLOC);
    this.fd = attr.run('bpf MAP_CREATE', MAP_CREATE);
    this.#keyBytes = keyBytes;
  }

  /** Keys that are there already stay. */
  add(keys: readonly Uint8Array[]): void {
    if (keys.length > 0) this.#batch('bpf MAP_UPDATE_BATCH', MAP_UPDATE_BATCH, keys);
  }

  /** Keys that are not there are skipped. */
  remove(keys: readonly Uint8Array[]): void {
    for (let rest = keys; rest.length > 0; ) {
      const done = this.#batch('bpf MAP_DELETE_BATCH', MAP_DELETE_BATCH, rest);
      rest = rest.slice(done + 1);
    }
  }

  close(): void {
    closeFd(this.fd);
  }

  /** How many were done; a missing key ends a batch early. */
  #batch(call: string, command: number, keys: readonly Uint8Array[]): number {
    const all = new Uint8Array(keys.length * this.#keyBytes);
    keys.forEach((key, i) => all.set(key, i * this.#keyBytes));
    const attr = new Attribute();
    attr.pointer(16, all).pointer(24, new Uint8Array(keys.length * 4)).u32(32, keys.length).u32(36, this.fd);
    try {
      attr.run(call, command);
    } catch (error) {
      if (command !== MAP_DELETE_BATCH || !(error instanceof SystemCallError) || error.errno !== ENOENT) throw error;
    }
    return attr.view.getUint32(32, true);
  }
}

/** AF_XDP sockets by receive queue, for an XDP program to hand frames to. A socket that is closed leaves it. */
export class SocketMap {
  readonly fd: number;

  constructor(queues: number) {
    this.fd = new Attribute().u32(0, MAP_XSKMAP).u32(4, 4).u32(8, 4).u32(12, queues).run('bpf MAP_CREATE', MAP_CREATE);
  }

  close(): void {
    closeFd(this.fd);
  }
}

/** Put a bound socket into a SocketMap, given by its descriptor (which may come from another thread). */
export function setSocket(mapFd: number, queue: number, socketFd: number): void {
  const bytes = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
  new Attribute().u32(0, mapFd).pointer(8, bytes(queue)).pointer(16, bytes(socketFd)).run('bpf MAP_UPDATE', MAP_UPDATE);
}

/** Load a traffic-control or XDP program; the verifier's last words are in the error when it refuses. */
export function loadProgram(hook: 'tc' | 'xdp', instructions: Uint8Array): number {
  const type = hook === 'tc' ? PROG_TYPE_SCHED_CLS : PROG_TYPE_XDP;
  const license = Buffer.from('MIT\0');
  const attempt = (log: Uint8Array | null): number => {
    const attr = new Attribute();
    attr.u32(0, type).u32(4, instructions.length / 8).pointer(8, instructions).pointer(16, license);
    if (hook === 'xdp') attr.u32(44, BPF_F_XDP_HAS_FRAGS);
    if (log) attr.u32(24, 1).u32(28, log.length).pointer(32, log);
    return attr.run('bpf PROG_LOAD', PROG_LOAD);
  };
  let refusal: SystemCallError;
  for (let tries = 0; ; tries++) {
    try {
      return attempt(null);
    } catch (error) {
      // A signal interrupts the verifier.
      if (error instanceof SystemCallError && error.code === 'EAGAIN' && tries < 10) continue;
      if (!(error instanceof SystemCallError) || error.code === 'EPERM' || error.code === 'ENOSYS') throw error;
      refusal = error;
      break;
    }
  }
  const log = new Uint8Array(LOG_BYTES);
  try {
    return attempt(log);
  } catch {
    const words = Buffer.from(log).toString('latin1').replace(/\0.*/s, '').trim().split('\n').slice(-4).join(' | ');
    throw new Error(`${refusal.message}: ${words}`);
  }
}

/** Attach to an interface; the descriptor returned is the attachment. */
export function createLink(programFd: number, ifindex: number, attachType: number, flags = 0): number {
  const attr = new Attribute();
  attr.u32(0, programFd).u32(4, ifindex).u32(8, attachType).u32(12, flags);
  return attr.run('bpf LINK_CREATE', LINK_CREATE);
}

/** Put another program in place of the attached one; no packet sees neither. */
export function updateLink(linkFd: number, programFd: number): void {
  const attr = new Attribute();
  attr.u32(0, linkFd).u32(4, programFd);
  attr.run('bpf LINK_UPDATE', LINK_UPDATE);
}

/** Run a program over one frame, as the kernel would, and return what it returns. The interface is lo. */
export function testRun(programFd: number, frame: Uint8Array): number {
  const attr = new Attribute();
  attr.u32(0, programFd).u32(8, frame.length).pointer(16, frame);
  attr.run('bpf PROG_TEST_RUN', PROG_TEST_RUN);
  return attr.view.getInt32(4, true);
}

/** union bpf_attr, and the buffers it points to kept alive until the call is over. */
class Attribute {
  readonly #bytes = new Uint8Array(ATTR_BYTES);
  readonly view = new DataView(this.#bytes.buffer);
  readonly #kept: Uint8Array[] = [];

  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }

  pointer(offset: number, bytes: Uint8Array): this {
    this.#kept.push(bytes);
    this.view.setBigUint64(offset, BigInt(addressOf(bytes)), true);
    return this;
  }

  run(call: string, command: number): number {
    const result = bpf(command, this.#bytes);
    if (result < 0) throw new SystemCallError(call, -result);
    return result;
  }
}
