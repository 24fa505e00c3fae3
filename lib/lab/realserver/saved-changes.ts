/**
 * What setup changed on this host, with the values before, so that undo restores exactly those. Several set-ups may share a change
 * (two VIPs need the same arp_ignore): it is taken back with the last of them. One file a network namespace, gone with the last entry.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LabProcess } from '../lab-state.ts';

export type SavedChange =
  | { readonly kind: 'sysctl'; readonly name: string; readonly before: string; readonly after: string }
  | { readonly kind: 'address'; readonly address: string; readonly device: string }
  /** `before`: the default route as `ip route` prints it, null when there was none. */
  | { readonly kind: 'route'; readonly family: 4 | 6; readonly before: string | null; readonly after: string }
  /** A device that was down. */
  | { readonly kind: 'link-up'; readonly device: string }
  | { readonly kind: 'gue'; readonly family: 4 | 6; readonly port: number }
  | { readonly kind: 'process'; readonly process: LabProcess };

export interface SavedEntry { readonly change: SavedChange; /** The set-ups that need it: "dr 198.51.100.100". */ readonly users: readonly string[] }

export function savedChangesFile(namespace: string | null): string {
  const inode = statSync(namespace === null ? '/proc/self/ns/net' : `/run/netns/${namespace}`).ino;
  return `/run/tsipvs/realserver-${inode}.json`;
}

export function readSavedChanges(file: string): SavedEntry[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SavedEntry[];
  } catch {
    return [];
  }
}

export function writeSavedChanges(file: string, entries: readonly SavedEntry[]): void {
  if (entries.length === 0) {
    rmSync(file, { force: true });
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(entries, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** The thing a change is about: two changes of one subject are one entry. */
export function subjectOf(change: SavedChange): string {
  switch (change.kind) {
    case 'sysctl': return `sysctl ${change.name}`;
    case 'address': return `address ${change.address} ${change.device}`;
    case 'route': return `route ${change.family}`;
    case 'link-up': return `link ${change.device}`;
    case 'gue': return `gue ${change.family} ${change.port}`;
    case 'process': return `process ${change.process.what}`;
  }
}

/** Note a change for a set-up: a new entry, or one more user of an existing one (whose earlier value stays the one to restore). */
export function addChange(entries: readonly SavedEntry[], change: SavedChange, user: string): SavedEntry[] {
  const subject = subjectOf(change);
  const found = entries.find((e) => subjectOf(e.change) === subject);
  if (found === undefined) return [...entries, { change, users: [user] }];
  return entries.map((e) => e === found && !e.users.includes(user) ? { ...e, users: [...e.users, user] } : e);
}

/** Split entries when set-ups go: what nobody needs any more, newest first, and what stays. */
export function releaseUsers(entries: readonly SavedEntry[], users: readonly string[]): { readonly undo: SavedChange[]; readonly keep: SavedEntry[] } {
  const left = entries.map((e) => ({ change: e.change, users: e.users.filter((u) => !users.includes(u)) }));
  return { undo: left.filter((e) => e.users.length === 0).map((e) => e.change).reverse(), keep: left.filter((e) => e.users.length > 0) };
}
