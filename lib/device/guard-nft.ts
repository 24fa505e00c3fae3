/**
 * The guard for kernels without TCX: a netdev table of nftables, written anew as a whole and replaced in one transaction whenever it
 * changes. It is removed at exit; what a killed process left behind is removed when the next one starts.
 *
 * NB: coarser than the eBPF guard in two points: it looks only at extension-less IPv6, and it takes every ICMP error sent to a VIP about
 * TCP, UDP or SCTP. It has no egress redirect, so NAT to a local node does not work with it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import type { TableEdit } from '../model/table-edit.ts';
import { formatAddress, type ParsedPrefix } from '../wire/address.ts';
import type { Guard } from './guard.ts';
import { GuardPolicy, prefixKey, REAL_ADDRESS, REAL_SERVER, SERVICE, VIP, type GuardEntry, type GuardRule } from './guard-policy.ts';

/** One table a process: daemons on different interfaces do not disturb each other. */
const TABLE_PREFIX = 'tsipvs_';
const TABLE = `netdev ${TABLE_PREFIX}${process.pid}`;
/** Before anything else on the ingress hook. */
const PRIORITY = -500;
const ERRORS = { 4: '{ 3, 4, 11, 12 }', 6: '{ 1, 2, 3, 4 }' } as const;

export class NftGuard implements Guard {
  readonly kind = 'nft';
  readonly #policy: GuardPolicy;
  readonly #entries = new Map<string, GuardEntry>();
  readonly #own = new Map<string, ParsedPrefix>();
  #leaving: GuardEntry[] = [];
  #changed = false;

  constructor() {
    this.#policy = new GuardPolicy({
      entryAdded: (entry) => { this.#entries.set(entry.key, entry); this.#changed = true; },
      entryRemoved: (entry) => { this.#leaving.push(entry); },
      ownAdded: (prefix) => { this.#own.set(prefixKey(prefix), prefix); this.#changed = true; },
      ownRemoved: (prefix) => { this.#own.delete(prefixKey(prefix)); this.#changed = true; },
      rulesChanged: () => { this.#changed = true; },
    });
    this.#write();
  }

  widen(edits: readonly TableEdit[]): void {
    for (const edit of edits) this.#policy.apply(edit);
    if (this.#changed) this.#write();
  }

  narrow(): void {
    for (const entry of this.#leaving) {
      if (this.#policy.has(entry)) continue;
      this.#entries.delete(entry.key);
      this.#changed = true;
    }
    this.#leaving = [];
    if (this.#changed) this.#write();
  }

  close(): void {
    nft(`delete table ${TABLE}\n`);
  }

  #write(): void {
    this.#changed = false;
    const interfaces = (this.#policy.network?.interfaces ?? []).filter((entry) => entry.attached && entry.ifindex > 0).map(({ name }) => name);
    nft(nftTable(interfaces, [...this.#entries.values()], [...this.#own.values()], this.#policy.rules));
  }
}

/** Take away the tables that killed processes left behind. */
export function removeDeadNftGuards(): void {
  let tables: string;
  try {
    tables = execFileSync('nft', ['list', 'tables', 'netdev'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // No nftables here, or no permission: then there is no table of ours either.
    return;
  }
  for (const [, name, pid] of tables.matchAll(new RegExp(`table netdev (${TABLE_PREFIX}(\\d+))`, 'g'))) {
    if (isRunning(Number(pid))) continue;
    try {
      nft(`delete table netdev ${name}\n`);
    } catch {
      // Another daemon that starts at the same moment was faster.
    }
  }
}

/** The whole guard as one nft transaction. */
export function nftTable(interfaces: readonly string[], entries: readonly GuardEntry[], own: readonly ParsedPrefix[], rules: readonly GuardRule[]): string {
  const chains = interfaces.map((name, i) => `  chain ingress${i} {
    type filter hook ingress device "${name}" priority ${PRIORITY}; policy accept;
${rulesFor(name, entries, own, rules).map((rule) => `    ${rule}\n`).join('')}  }\n`);
  return `add table ${TABLE}\ndelete table ${TABLE}\ntable ${TABLE} {\n${chains.join('')}}\n`;
}

function rulesFor(name: string, entries: readonly GuardEntry[], own: readonly ParsedPrefix[], rules: readonly GuardRule[]): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    const protocolIs = (protocol: number): string => (family === 4 ? `ip protocol ${protocol}` : `meta l4proto ${protocol}`);
    const fragmented = family === 4 ? 'ip frag-off & 0x3fff != 0' : 'exthdr frag exists';
    const errors = `${family === 4 ? 'icmp' : 'icmpv6'} type ${ERRORS[family]}`;
    const notOwn = `${ip} daddr != { ${withoutOverlaps(own.filter((prefix) => prefix.family === family)).map(prefixText).join(', ')} } `;
    const lines: string[] = markRules(name, family, rules);
    for (const entry of entries.filter((candidate) => candidate.family === family)) {
      const address = formatAddress(family, entry.words[0]!, entry.words[1]!, entry.words[2]!, entry.words[3]!);
      const whole = family === 4 ? 'ip frag-off & 0x3fff == 0 ' : '';
      const port = (side: string): string => (entry.port === 0 ? '' : `th ${side} ${entry.port} `);
      if (entry.kind === SERVICE) lines.push(`${whole}${ip} daddr ${address} ${protocolIs(entry.protocol)} ${port('dport')}drop`);
      if (entry.kind === VIP) {
        lines.push(`${fragmented} ${ip} daddr ${address} ${protocolIs(entry.protocol)} drop`);
        // Inner protocol: 8 bytes of ICMP, then byte 9 (IPv4) or 6 (IPv6) of the quoted header.
        lines.push(`${ip} daddr ${address} ${errors} @th,${family === 4 ? 136 : 112},8 ${entry.protocol} drop`);
      }
      if (entry.kind === REAL_SERVER) lines.push(`${whole}${ip} saddr ${address} ${protocolIs(entry.protocol)} ${port('sport')}${notOwn}drop`);
      if (entry.kind === REAL_ADDRESS) lines.push(`${fragmented} ${ip} saddr ${address} ${protocolIs(entry.protocol)} ${notOwn}drop`);
    }
    return lines;
  });
}

function markRules(name: string, family: 4 | 6, rules: readonly GuardRule[]): string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  return rules.filter((rule) => (rule.family ?? family) === family && (rule.interface ?? name) === name).map((rule) => {
    const parts = [`meta protocol ${ip}`];
    parts.push(rule.protocol === null ? 'meta l4proto { 6, 17, 132 }' : `meta l4proto ${rule.protocol}`);
    if (rule.source) parts.push(`${ip} saddr ${prefixText(rule.source)}`);
    if (rule.destination) parts.push(`${ip} daddr ${prefixText(rule.destination)}`);
    if (rule.sourcePorts) parts.push(`th sport ${rule.sourcePorts.join('-')}`);
    if (rule.destinationPorts) parts.push(`th dport ${rule.destinationPorts.join('-')}`);
    return `${parts.join(' ')} ${(family === 4 ? rule.selects4 : rule.selects6) ? 'drop' : 'accept'}`;
  });
}

function prefixText(prefix: ParsedPrefix): string {
  const [w0, w1, w2, w3] = prefix.words as unknown as [number, number, number, number];
  return `${formatAddress(prefix.family, w0, w1, w2, w3)}/${prefix.length}`;
}

/** nft refuses sets whose intervals overlap: keep only prefixes that no other one contains. */
function withoutOverlaps(prefixes: readonly ParsedPrefix[]): ParsedPrefix[] {
  const contains = (outer: ParsedPrefix, inner: ParsedPrefix): boolean =>
    outer !== inner && outer.length <= inner.length && outer.words.every((word, i) => word === (inner.words[i]! & outer.mask[i]!));
  return prefixes.filter((prefix) => !prefixes.some((other) => contains(other, prefix)));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function nft(text: string): void {
  const { error, status, stderr } = spawnSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' });
  if (error) throw new Error(`nft: ${error.message}`);
  if (status !== 0) throw new Error(`nft: ${stderr.trim().split('\n')[0]}`);
}
