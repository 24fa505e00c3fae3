/**
 * The kernel side of the guard's policy: two maps that the guard's programs look into, and what the programs themselves are made of. Entries come
 * and go in the maps; the programs have to be made anew only when mark rules or interfaces change.
 */
import type { TableEdit } from '../model/table-edit.ts';
import type { ParsedPrefix } from '../wire/address.ts';
import { BpfMap, MAP_HASH, MAP_LPM_TRIE } from './ebpf.ts';
import { GuardPolicy, type GuardEntry, type GuardRule } from './guard-policy.ts';
import { ENTRY_KEY_BYTES, OWN_KEY_BYTES, OWN_PREFIX_BITS } from './guard-program.ts';
import type { NetworkInterface } from '../model/network-state.ts';

const MAX_ENTRIES = 1 << 20;
const MAX_OWN = 1 << 16;

export class GuardTables {
  readonly entries: BpfMap;
  readonly own: BpfMap;
  readonly #policy: GuardPolicy;
  /** Added to the policy, not yet in the map: keys. */
  readonly #arriving: Uint8Array[] = [];
  /** Removed from the policy, still in the map until narrow(). */
  readonly #leaving: GuardEntry[] = [];
  #programsStale = false;
  #rulesWider = false;

  /** Throws where we may not use bpf(2). */
  constructor() {
    this.entries = new BpfMap(MAP_HASH, ENTRY_KEY_BYTES, MAX_ENTRIES);
    this.own = new BpfMap(MAP_LPM_TRIE, OWN_KEY_BYTES, MAX_OWN);
    this.#policy = new GuardPolicy({
      entryAdded: (entry) => this.#arriving.push(entryKey(entry)),
      entryRemoved: (entry) => this.#leaving.push(entry),
      ownAdded: (prefix) => this.own.add([ownKey(prefix)]),
      ownRemoved: (prefix) => this.own.remove([ownKey(prefix)]),
      rulesChanged: (wider) => {
        this.#programsStale = true;
        this.#rulesWider ||= wider;
      },
    });
  }

  /** What the programs are made of. */
  get rules(): GuardRule[] {
    return this.#policy.rules;
  }

  /** Interfaces with a device, as far as they are there. */
  get interfaces(): readonly NetworkInterface[] {
    return (this.#policy.network?.interfaces ?? []).filter((entry) => entry.attached && entry.ifindex > 0);
  }

  /** True when the programs have to be made anew now. */
  widen(edits: readonly TableEdit[]): boolean {
    for (const edit of edits) this.#policy.apply(edit);
    this.entries.add(this.#arriving.splice(0));
    return this.#rulesWider && this.#takeStale();
  }

  /** Take away what removals left. True when the programs have to be made anew. */
  narrow(): boolean {
    const gone = new Map(this.#leaving.splice(0).filter((entry) => !this.#policy.has(entry)).map((entry) => [entry.key, entryKey(entry)]));
    this.entries.remove([...gone.values()]);
    return this.#takeStale();
  }

  close(): void {
    this.entries.close();
    this.own.close();
  }

  #takeStale(): boolean {
    const stale = this.#programsStale;
    this.#programsStale = this.#rulesWider = false;
    return stale;
  }
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
