/**
 * What counts as equal. A step is brought to a normal form and normal forms are compared; the normal form leaves out exactly what the
 * real director does not determine. The complete list, each with its reason:
 *
 *  1. rows of -Lc and /proc/net/ip_vs_conn*: sorted. Their order follows a hash with a random key.
 *  2. blocks of /proc/net/ip_vs: sorted. Services hang in a hash over a kernel address.
 *  3. time left of persistence templates (NONE or ASSURED with client port 0): left out. Kernel timers fire up to 2..16 s late when an
 *     entry is re-armed on expiry.
 *  4. --rate numbers and the rate part of ip_vs_stats: left out. The estimator's 2 s phase is not recorded. (Not in the format corpus,
 *     where the numbers are given.)
 *  5. IPv4 identification that the director makes up (neither the incoming packet's nor 0 with DF): left out. A counter or random.
 *  6. identification of the IPv6 fragment header: left out. Random.
 *  7. UDP source port of GUE: left out. A flow hash with a random key; checksum compared as good, bad or none.
 *  8. local* cases: TCP beyond ports and flags, ICMP beyond type and code, tunnel payload. The director's own stack makes up sequence
 *     numbers, time stamps and windows, and the client of the recording answered those.
 *  9. sync messages are compared as a stream of payloads, not by frame. Their source port, id and the moment of sending vary.
 * 10. the line `modprobe: FATAL` : modprobe's, not ipvsadm's.
 * 11. `t` of cases in an empty namespace: no frames, so nothing hangs on it.
 */
import { addressBytes, addressText, internetChecksum, transportChecksum, viewFrame, type FrameView } from './frame-view.ts';
import type { GoldenCase, GoldenStep, OutFrame } from './golden-case.ts';

export type Normal = string | number | boolean | null | undefined | Normal[] | { [key: string]: Normal };

export interface Difference {
  /** Step index, or the name of a case-level field. */
  readonly where: number | string;
  readonly golden: Normal;
  readonly ours: Normal;
}

/** Every difference between the recorded case and the case as we played it, in step order. */
export function compareCases(golden: GoldenCase, ours: GoldenCase): Difference[] {
  const found: Difference[] = [];
  for (const key of ['picks', 'sequences'] as const) {
    if (!same(golden[key] as Normal, ours[key] as Normal)) found.push(...compareLists(key, golden[key] as Normal[] | undefined, ours[key] as Normal[] | undefined));
  }
  const sync = [golden, ours].map((c) => c.steps.flatMap((s) => (s.out ?? []).map(syncPayload).filter((p) => p !== null)));
  if (!same(sync[0], sync[1])) found.push({ where: 'sync messages', golden: sync[0], ours: sync[1] });
  if (golden.steps.length !== ours.steps.length) found.push({ where: 'number of steps', golden: golden.steps.length, ours: ours.steps.length });
  for (let i = 0; i < Math.min(golden.steps.length, ours.steps.length); i++) {
    const a = normalStep(golden.steps[i]!, golden);
    const b = normalStep(ours.steps[i]!, golden);
    if (same(a, b)) continue;
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => !same(a[k], b[k]));
    found.push({ where: i, golden: pickKeys(a, keys), ours: pickKeys(b, keys) });
  }
  return found;
}

function compareLists(key: string, golden: Normal[] = [], ours: Normal[] = []): Difference[] {
  const at = golden.findIndex((x, i) => !same(x, ours[i]));
  return at < 0 ? [{ where: key, golden: golden.length, ours: ours.length }] : [{ where: `${key}[${at}]`, golden: golden[at], ours: ours[at] }];
}

function pickKeys(o: Record<string, Normal>, keys: string[]): Record<string, Normal> {
  return Object.fromEntries(keys.map((k) => [k, o[k]]));
}

function same(a: Normal, b: Normal): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Exported for the runner's --show. */
export function normalStep(step: GoldenStep, golden: GoldenCase): Record<string, Normal> {
  const local = golden.id.includes('local');
  const normal: Record<string, Normal> = {};
  for (const [key, value] of Object.entries(step)) {
    if (!['out', 'frames', 'stdout', 'stderr', 'code', 'argv', 'stdin', 'user', 'text'].includes(key)) normal[key] = value as Normal;
  }
  if (golden.profile === 'none') delete normal['t'];
  const incoming = step.in === undefined ? null : viewFrame(Buffer.from(step.in, 'hex'));
  if (step.argv) normal['cmd'] = normalCommand(step);
  if (step.out) {
    const out = step.out.filter((f) => syncPayload(f) === null).map((f) => normalFrame(f, incoming, local));
    if (out.length || step.in !== undefined) normal['out'] = out;
  }
  if (step.frames) {
    normal['frames'] = step.frames.map((f) => {
      const view = viewFrame(Buffer.from(f.in, 'hex'));
      return { t: f.t, dev: f.dev, in: f.in, out: f.out.map((o) => normalFrame(o, view, local)) };
    });
  }
  if (step.text !== undefined) normal['text'] = normalText(step.path ?? '', step.text);
  if (local && incoming?.protocol === 6) normal['in'] = [incoming.src, incoming.dst, incoming.sport, incoming.dport, incoming.flags];
  return sortKeys(normal);
}

function sortKeys(o: Record<string, Normal>): Record<string, Normal> {
  return Object.fromEntries(Object.entries(o).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function normalCommand(step: GoldenStep): Normal {
  const argv = step.argv!;
  const listsConnections = argv.slice(1).some((x) => /^(-[a-zA-Z]*[Ll][a-zA-Z]*c[a-zA-Z]*|-lcn|--connection|-c)$/.test(x)) && step.code === 0;
  let stdout: Normal = step.stdout;
  if (listsConnections) stdout = connectionRows(step.stdout!);
  else if (argv.includes('--rate') && !step.counters) stdout = step.stdout!.replace(/^(  -> |TCP|UDP|SCTP|FWM)(.{29}) +.*$/gm, '$1$2 rates');
  return { argv, stdin: step.stdin, code: step.code, stderr: step.stderr?.replace(/^modprobe: FATAL.*\n/gm, ''), user: step.user, stdout };
}

function connectionRows(text: string): Normal {
  const lines = splitLines(text);
  return [...lines.slice(0, 2), ...lines.slice(2).map((l) => l.replace(/^(\S+ +)\S+( +(NONE|ASSURED) +\S+:0 )/, '$1*$2')).sort()];
}

function normalText(path: string, text: string): Normal {
  if (path.includes('_conn')) {
    const lines = splitLines(text);
    return [...lines.slice(0, 1), ...lines.slice(1).map((l) => l.replace(/(NONE|ASSURED)( +\S+)? +\d+$/, '$1')).sort()];
  }
  if (path === '/proc/net/ip_vs') {
    const lines = splitLines(text);
    const blocks: string[][] = [];
    for (const line of lines.slice(3)) {
      if (line.startsWith('  ->') && blocks.length) blocks.at(-1)!.push(line);
      else blocks.push([line]);
    }
    return [...lines.slice(0, 3), ...blocks.sort((a, b) => (a.join('\n') < b.join('\n') ? -1 : 1))];
  }
  return path.endsWith('ip_vs_stats') ? text.split('Conns/s')[0]! : text;
}

function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** UDP payload of a multicast frame (a sync message), else null. */
export function syncPayload(frame: OutFrame): string | null {
  const bytes = Buffer.from(frame.hex, 'hex');
  if (!(bytes[0]! & 1)) return null;
  const view = viewFrame(bytes);
  return view.protocol === 17 ? view.l4!.subarray(8).toString('hex') : null;
}

function normalFrame(frame: OutFrame, incoming: FrameView | null, local: boolean): Normal[] {
  const bytes = Buffer.from(frame.hex, 'hex');
  const head: Normal[] = [frame.dev, bytes.subarray(0, 14).toString('hex')];
  const etherType = bytes.readUInt16BE(12);
  const packet = bytes.subarray(14);
  if (etherType === 0x0800 && packet.length >= 20) return [...head, ...normalIpv4(packet, incoming, local)];
  if (etherType === 0x86dd && packet.length >= 40) return [...head, ...normalIpv6(packet, incoming, local)];
  return [...head, packet.toString('hex')];
}

function normalIpv4(p: Buffer, incoming: FrameView | null, local: boolean): Normal[] {
  const headerLength = (p[0]! & 15) * 4;
  const total = p.readUInt16BE(2);
  const ident = p.readUInt16BE(4);
  const fragment = p.readUInt16BE(6);
  const kept = incoming?.ident === ident || (ident === 0 && (fragment & 0x4000) !== 0);
  const head: Normal[] = ['ip4', p[0], p[1], total, kept && !local ? ident : '*', fragment, p[8], p[9], addressText(p.subarray(12, 16)), addressText(p.subarray(16, 20)),
    internetChecksum(p.subarray(0, headerLength)) === 0 ? 'good' : 'bad', p.subarray(20, headerLength).toString('hex')];
  const body = p.length >= total ? p.subarray(headerLength, total) : p.subarray(headerLength);
  return [...head, ...normalTransport(p[9]!, p.subarray(12, 16), p.subarray(16, 20), body, incoming, local, (fragment & 0x3fff) !== 0, (fragment & 0x1fff) !== 0)];
}

function normalIpv6(p: Buffer, incoming: FrameView | null, local: boolean): Normal[] {
  const head: Normal[] = ['ip6', p.subarray(0, 40).toString('hex')];
  let next = p[6]!;
  let body = p.subarray(40, 40 + p.readUInt16BE(4));
  let isFragment = false;
  let notFirst = false;
  if (next === 44) {
    head.push(body.subarray(0, 4).toString('hex'));
    notFirst = (body.readUInt16BE(2) & ~7) !== 0;
    isFragment = true;
    next = body[0]!;
    body = body.subarray(8);
  }
  return [...head, ...normalTransport(next, p.subarray(8, 24), p.subarray(24, 40), body, incoming, local, isFragment, notFirst)];
}

function normalTransport(protocol: number, src: Buffer, dst: Buffer, body: Buffer, incoming: FrameView | null, local: boolean, isFragment: boolean, notFirst: boolean): Normal[] {
  if (notFirst) return [body.toString('hex')];
  if (protocol === 6 && local && body.length >= 20) return [body.subarray(0, 4).toString('hex'), body[13], 'tcp*'];
  if (protocol === 17 && body.length >= 8) {
    const ports = [incoming?.sport, incoming?.dport];
    const sport = body.readUInt16BE(0);
    const gue = incoming && !local && !isFragment && !ports.includes(sport) && sport >= 32768 && sport <= 60999 && !ports.includes(body.readUInt16BE(2));
    if (gue) return ['udp', '*', body.subarray(2, 6).toString('hex'), udpChecksumState(src, dst, body), body.subarray(8).toString('hex')];
  }
  if (local && (protocol === 4 || protocol === 41)) return ['tunnel*'];
  if (local && protocol === 1) return [body.subarray(0, 2).toString('hex'), 'icmp*'];
  return [body.toString('hex')];
}

function udpChecksumState(src: Buffer, dst: Buffer, datagram: Buffer): string {
  if (datagram.readUInt16BE(6) === 0) return 'none';
  return transportChecksum(src, dst, 17, datagram) === 0 ? 'good' : 'bad';
}

/** Canonical text of an address however it was written. */
export function canonicalAddress(text: string): string {
  return addressText(addressBytes(text));
}
