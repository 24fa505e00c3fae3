/**
 * The eBPF guard: one program per interface, attached by TCX link, and two maps they share. Entries come and go in the maps; the
 * programs are made anew, and replaced in one step, only when mark rules or interfaces change. Everything is held by descriptors of this process:
 * when it ends, even by SIGKILL, the host's stack sees its traffic again at once.
 */
import { closeFd, SystemCallError } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import type { TableEdit } from '../model/table-edit.ts';
import type { ParsedPrefix } from '../wire/address.ts';
import { BpfMap, createLink, loadClassifier, MAP_HASH, MAP_LPM_TRIE, TCX_EGRESS, TCX_INGRESS, updateLink } from './ebpf.ts';
import type { Guard } from './guard.ts';
import { GuardPolicy, type GuardEntry, type GuardRule } from './guard-policy.ts';
import { ENTRY_KEY_BYTES, guardProgram, OWN_KEY_BYTES, OWN_PREFIX_BITS, type GuardProgramOptions } from './guard-program.ts';

const MAX_ENTRIES = 1 << 20;
const MAX_OWN = 1 << 16;
const LOOPBACK_IFINDEX = 1;

interface Attachment { readonly ifindex: number; ingress: number; egress: number }

export class EbpfGuard implements Guard {
  readonly kind = 'ebpf';
  readonly #entries: BpfMap;
  readonly #own: BpfMap;
  readonly #policy: GuardPolicy;
  readonly #redirectTo: number;
  readonly #attachments = new Map<string, Attachment>();
  /** Added to the policy, not yet in the map: keys. */
  readonly #arriving: Uint8Array[] = [];
  /** Removed from the policy, still in the map until narrow(). */
  readonly #leaving: GuardEntry[] = [];
  #programsStale = false;
  #rulesWider = false;

  /** Throws where the kernel has no TCX (before 6.6) or we no permission. `redirectTo`: ifindex of the local inject device, 0 = none. */
  constructor(redirectTo: number) {
    this.#redirectTo = redirectTo;
    this.#entries = new BpfMap(MAP_HASH, ENTRY_KEY_BYTES, MAX_ENTRIES);
    this.#own = new BpfMap(MAP_LPM_TRIE, OWN_KEY_BYTES, MAX_OWN);
    this.#policy = new GuardPolicy({
      entryAdded: (entry) => this.#arriving.push(entryKey(entry)),
      entryRemoved: (entry) => this.#leaving.push(entry),
      ownAdded: (prefix) => this.#own.add([ownKey(prefix)]),
      ownRemoved: (prefix) => this.#own.remove([ownKey(prefix)]),
      rulesChanged: (wider) => {
        this.#programsStale = true;
        this.#rulesWider ||= wider;
      },
    });
    try {
      this.#probe();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  widen(edits: readonly TableEdit[]): void {
    for (const edit of edits) this.#policy.apply(edit);
    this.#entries.add(this.#arriving.splice(0));
    if (this.#programsStale && this.#rulesWider) this.#replacePrograms();
  }

  narrow(): void {
    const gone = new Map(this.#leaving.splice(0).filter((entry) => !this.#policy.has(entry)).map((entry) => [entry.key, entryKey(entry)]));
    this.#entries.remove([...gone.values()]);
    if (this.#programsStale) this.#replacePrograms();
  }

  close(): void {
    for (const attachment of this.#attachments.values()) detach(attachment);
    this.#attachments.clear();
    this.#entries.close();
    this.#own.close();
  }

  /** Descriptor of a program for tests of it. */
  loadProgram(rules: readonly GuardRule[], direction: GuardProgramOptions['direction'], name: string): number {
    return loadClassifier(guardProgram(rules, {
      direction, interface: name, entriesFd: this.#entries.fd, ownFd: this.#own.fd, redirectTo: this.#redirectTo,
    }));
  }

  /** The rules its programs are made of. */
  get rules(): GuardRule[] {
    return this.#policy.rules;
  }

  /** Attach an empty guard to lo for a moment. */
  #probe(): void {
    const program = this.loadProgram([], 'ingress', 'lo');
    try {
      closeFd(createLink(program, LOOPBACK_IFINDEX, TCX_INGRESS));
    } finally {
      closeFd(program);
    }
  }

  #replacePrograms(): void {
    this.#programsStale = false;
    this.#rulesWider = false;
    const { rules } = this.#policy;
    const wanted = (this.#policy.network?.interfaces ?? []).filter((entry) => entry.attached && entry.ifindex > 0);
    for (const [name, attachment] of this.#attachments) {
      if (wanted.some((entry) => entry.name === name && entry.ifindex === attachment.ifindex)) continue;
      detach(attachment);
      this.#attachments.delete(name);
    }
    for (const { name, ifindex } of wanted) this.#guardInterface(name, ifindex, rules);
  }

  #guardInterface(name: string, ifindex: number, rules: readonly GuardRule[]): void {
    const known = this.#attachments.get(name);
    const attachment = known ?? { ifindex, ingress: -1, egress: -1 };
    try {
      attachment.ingress = this.#put(attachment.ingress, this.loadProgram(rules, 'ingress', name), ifindex, TCX_INGRESS);
      if (this.#redirectTo !== 0 && attachment.egress < 0) {
        attachment.egress = this.#put(attachment.egress, this.loadProgram([], 'egress', name), ifindex, TCX_EGRESS);
      }
      this.#attachments.set(name, attachment);
    } catch (error) {
      if (!(error instanceof SystemCallError) && rules.length > 0) {
        throw new LvsError('OutOfRange', `the kernel takes no guard program of ${rules.length} mark rules: use fewer, e.g. prefixes in place of addresses (${(error as Error).message})`);
      }
      // An interface that went away meanwhile: the next network state will say so.
      if (!(error instanceof SystemCallError) || (error.code !== 'ENODEV' && error.code !== 'ENOLINK')) throw error;
      detach(attachment);
      this.#attachments.delete(name);
    }
  }

  /** The link keeps the program; our descriptor of it is not needed any more. */
  #put(link: number, program: number, ifindex: number, attachType: number): number {
    try {
      if (link < 0) return createLink(program, ifindex, attachType);
      updateLink(link, program);
      return link;
    } finally {
      closeFd(program);
    }
  }
}

function detach(attachment: Attachment): void {
  if (attachment.ingress >= 0) closeFd(attachment.ingress);
  if (attachment.egress >= 0) closeFd(attachment.egress);
}

function entryKey(entry: GuardEntry): Uint8Array {
  const key = new Uint8Array(ENTRY_KEY_BYTES);
  const view = new DataView(key.buffer);
  for (let i = 0; i < 4; i++) view.setInt32(i * 4, entry.words[i]!, true);
  view.setUint16(16, entry.port);
  key[18] = entry.protocol;
  key[19] = entry.kind | entry.family;
  return key;
}

function ownKey(prefix: ParsedPrefix): Uint8Array {
  const key = new Uint8Array(OWN_KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setUint32(0, OWN_PREFIX_BITS + prefix.length, true);
  view.setUint32(4, prefix.family, true);
  for (let i = 0; i < (prefix.family === 4 ? 1 : 4); i++) view.setInt32(8 + i * 4, prefix.words[i]!, true);
  return key;
}
