import t from 'tap';
import type { GoldenCase, GoldenStep } from './golden-case.ts';
import { compareCases } from './golden-compare.ts';

const IN = '020000000d01020000000cfe0800450000281111400040062badcb007107c000020a9c410050000003e8000000005002faf016660000';
const OUT = '020000000101020000000d02080045000028111140003f06e4b5cb0071070a0100019c410050000003e8000000005002faf0ce6f0000';

function golden(steps: GoldenStep[], extra: Partial<GoldenCase> = {}): GoldenCase {
  return { id: 'packet-x', title: 'x', profile: 'std', steps, ...extra };
}

function differs(a: GoldenStep, b: GoldenStep, extra: Partial<GoldenCase> = {}): boolean {
  return compareCases(golden([a], extra), golden([b], extra)).length > 0;
}

const frame = (out: string, input = IN): GoldenStep => ({ t: 1, op: 'frame', dev: 'cl0', in: input, out: [{ dev: 'rs0', hex: out }] });
const command = (argv: string[], stdout: string, more: Partial<GoldenStep> = {}): GoldenStep => ({ t: 1, argv: ['ipvsadm', ...argv], stdout, stderr: '', code: 0, ...more });

function set(hex: string, at: number, byte: string): string {
  return hex.slice(0, at * 2) + byte + hex.slice(at * 2 + 2);
}

t.test('equal cases have no differences, and every byte of a frame that is determined counts', async (t) => {
  t.notOk(differs(frame(OUT), frame(OUT)));
  for (let at = 0; at < 54; at++) {
    const other = set(OUT, at, OUT.slice(at * 2, at * 2 + 2) === 'aa' ? 'ab' : 'aa');
    t.ok(differs(frame(OUT), frame(other)), `byte ${at}`);
  }
  t.ok(differs(frame(OUT), { ...frame(OUT), out: [] }), 'a frame that is missing');
  t.ok(differs(frame(OUT), { ...frame(OUT), out: [...frame(OUT).out!, ...frame(OUT).out!] }), 'a frame too many');
});

t.test('an IPv4 identification that the director made up does not count, one that it kept does', async (t) => {
  const madeUp = (ident: string): string => OUT.slice(0, 36) + ident + OUT.slice(40, 48) + checksum(ident) + OUT.slice(52);
  t.notOk(differs(frame(madeUp('7777')), frame(madeUp('8888'))));
  t.ok(differs(frame(madeUp('1111')), frame(madeUp('8888'))));
  function checksum(ident: string): string {
    let sum = 0;
    const header = OUT.slice(28, 36) + ident + OUT.slice(40, 48) + '0000' + OUT.slice(52, 68);
    for (let i = 0; i < 40; i += 4) sum += parseInt(header.slice(i, i + 4), 16);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return (~sum & 0xffff).toString(16).padStart(4, '0');
  }
});

t.test('rows of a connection listing are a set; rows of another listing are not', async (t) => {
  t.notOk(differs(command(['-Lnc'], 'a\nb\nTCP 00:59 x\nTCP 00:58 y\n'), command(['-Lnc'], 'a\nb\nTCP 00:58 y\nTCP 00:59 x\n')));
  t.ok(differs(command(['-Lnc'], 'a\nb\nTCP 00:59 x\n'), command(['-Lnc'], 'a\nb\nTCP 00:58 x\n')), 'the time left of a connection counts');
  t.notOk(differs(command(['-Lnc'], 'a\nb\nTCP 00:59 NONE 1.2.3.4:0 x\n'), command(['-Lnc'], 'a\nb\nTCP 00:41 NONE 1.2.3.4:0 x\n')), 'that of a template does not');
  t.ok(differs(command(['-Ln'], 'a\nb\nc\nd\n'), command(['-Ln'], 'a\nb\nd\nc\n')));
});

t.test('rates do not count, unless the counters were given', async (t) => {
  const row = (n: number): string => `TCP  192.0.2.10:80                       ${n}        0        0        0        0\n`;
  t.notOk(differs(command(['-Ln', '--rate'], row(1)), command(['-Ln', '--rate'], row(2))));
  t.ok(differs(command(['-Ln', '--rate'], row(1), { counters: {} }), command(['-Ln', '--rate'], row(2), { counters: {} })));
  t.ok(differs(command(['-Ln', '--stats'], row(1)), command(['-Ln', '--stats'], row(2))));
});

t.test('exit status, standard error and what a file says count', async (t) => {
  t.ok(differs(command(['-C'], ''), command(['-C'], '', { code: 1 })));
  t.ok(differs(command(['-C'], ''), command(['-C'], '', { stderr: 'x\n' })));
  t.notOk(differs(command(['-C'], ''), command(['-C'], '', { stderr: 'modprobe: FATAL: Module ip_vs not found\n' })));
  t.ok(differs({ t: 1, op: 'read', path: '/proc/net/ip_vs_stats', text: 'a Conns/s 1' }, { t: 1, op: 'read', path: '/proc/net/ip_vs_stats', text: 'b Conns/s 1' }));
  t.notOk(differs({ t: 1, op: 'read', path: '/proc/net/ip_vs_stats', text: 'a Conns/s 1' }, { t: 1, op: 'read', path: '/proc/net/ip_vs_stats', text: 'a Conns/s 2' }));
});

t.test('services of /proc/net/ip_vs may come in any order, their servers not', async (t) => {
  const head = 'a\nb\nc\n';
  const read = (text: string): GoldenStep => ({ t: 1, op: 'read', path: '/proc/net/ip_vs', text });
  t.notOk(differs(read(`${head}TCP 1\n  -> x\n  -> y\nTCP 2\n`), read(`${head}TCP 2\nTCP 1\n  -> x\n  -> y\n`)));
  t.ok(differs(read(`${head}TCP 1\n  -> x\n  -> y\n`), read(`${head}TCP 1\n  -> y\n  -> x\n`)));
});

t.test('in local cases only ports and flags of TCP count', async (t) => {
  const sequence = set(OUT, 40, '77');
  t.ok(differs(frame(OUT), frame(sequence)));
  t.notOk(differs(frame(OUT), frame(sequence), { id: 'packet-local4' }));
  t.ok(differs(frame(OUT), frame(set(OUT, 47, '12')), { id: 'packet-local4' }), 'flags');
  t.ok(differs(frame(OUT), frame(set(OUT, 35, '99')), { id: 'packet-local4' }), 'ports');
});

t.test('picks and transitions are compared too', async (t) => {
  t.equal(compareCases(golden([], { picks: ['a', 'b'] }), golden([], { picks: ['a', 'c'] }))[0]?.where, 'picks[1]');
  const sequences = (state: string): Partial<GoldenCase> => ({ sequences: [{ client_port: 1, events: ['is'], after: [[state, '00:59']] }] });
  t.equal(compareCases(golden([], sequences('SYN_RECV')), golden([], sequences('CLOSE'))).length, 1);
});
