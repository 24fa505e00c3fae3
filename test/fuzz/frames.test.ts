/**
 * Random and damaged frames through the core. Each is handed in twice, to two directors in the same state: once in the middle of a memory full of a canary
 * pattern, once at the very end of a memory of just its size. Both must do the same (so nothing beyond the frame was read), the canaries must stand (so
 * nothing beyond was written), every frame must come to a counted end, and what is sent must carry right checksums. A third director gets the same frames in
 * bursts of many and must do what the first did. Meanwhile services, servers, knobs and the host's network change under them.
 *
 * FUZZ_FRAMES: how many frames (default: as many as fit into FUZZ_SECONDS, default 15). FUZZ_SEED: the seed of the run.
 */
import t from 'tap';
import { FrameBurst, FrameMemory, type FrameSink, HEADROOM } from '../../lib/wire/frame.ts';
import { DROP_REASONS } from '../../lib/model/drop-reason.ts';
import type { TraceRecord } from '../../lib/model/trace-record.ts';
import type { Dataplane } from '../../lib/dataplane/dataplane.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { directorWithEverything, START_MS } from './director-with-everything.ts';
import { FrameSource, type FuzzFrame } from './frame-source.ts';
import { RandomEdits } from './random-edits.ts';
import { badChecksum } from './transmitted-check.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** Half of each goes to a director with synchronisation daemons, half to one without. */
const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? Infinity) / 2;
const SECONDS = process.env['FUZZ_FRAMES'] === undefined ? Number(process.env['FUZZ_SECONDS'] ?? 15) / 2 : Infinity;
const CANARY = 0xa5;
const OFF = 2 + 4 * 64;
const TAIL = 256;
const MOST_BYTES = 70_000;

interface Effect { readonly kind: string; readonly interfaceIdx: number; readonly bytes: Buffer; readonly offload: number; readonly wasFragmented: boolean }

/** Collects what a director does with frames. */
class Recorder implements FrameSink {
  readonly effects: Effect[] = [];
  #note(kind: string, interfaceIdx: number, memory: FrameMemory, off: number, len: number, offload: number, wasFragmented = false): void {
    if (!(off >= 0 && len >= 0 && off + len <= memory.u8.length)) throw new RangeError(`${kind}: frame at ${off} of ${len} bytes in a memory of ${memory.u8.length}`);
    this.effects.push({ kind, interfaceIdx, bytes: Buffer.from(memory.u8.subarray(off, off + len)), offload, wasFragmented });
  }
  transmit(...args: Parameters<FrameSink['transmit']>): void { this.#note('transmit', ...args); }
  pass(...args: Parameters<FrameSink['pass']>): void { this.#note('pass', ...args); }
  deliver(...args: Parameters<FrameSink['deliver']>): void { this.#note('deliver', ...args); }
  resolve(): void {}
  take(): Effect[] { return this.effects.splice(0); }
}

class Subject {
  readonly dataplane: Dataplane;
  readonly recorder = new Recorder();
  constructor(daemons: boolean) {
    const random = new SeededRandom(99);
    this.dataplane = directorWithEverything({ random: random.next }, daemons);
  }
}

const middle = new FrameMemory(new ArrayBuffer(MOST_BYTES + OFF + TAIL));

function inTheMiddle(frame: FuzzFrame): FrameBurst {
  middle.u8.fill(CANARY, 0, OFF + frame.bytes.length + TAIL);
  middle.u8.set(frame.bytes, OFF);
  return burstOf(middle, OFF, frame);
}

/** The frame ends where its memory ends (rounded up to a word, with another pattern in the rest). */
function atTheEnd(frame: FuzzFrame): FrameBurst {
  const off = HEADROOM + 2;
  const memory = new FrameMemory(new ArrayBuffer((off + frame.bytes.length + 3) & ~3));
  memory.u8.fill(0x5a);
  memory.u8.set(frame.bytes, off);
  return burstOf(memory, off, frame);
}

/** Many frames in one memory, close together. */
function together(frames: readonly FuzzFrame[]): FrameBurst {
  const stride = (frame: FuzzFrame): number => (HEADROOM + frame.bytes.length + 7) & ~3;
  const memory = new FrameMemory(new ArrayBuffer(frames.reduce((sum, frame) => sum + stride(frame), HEADROOM + 64)));
  memory.u8.fill(0x3c);
  const burst = new FrameBurst(memory);
  let off = HEADROOM + 2;
  for (const [i, frame] of frames.entries()) {
    memory.u8.set(frame.bytes, off);
    burst.off[i] = off;
    burst.len[i] = frame.bytes.length;
    burst.offload[i] = frame.offload;
    off += stride(frame);
  }
  burst.count = frames.length;
  return burst;
}

function burstOf(memory: FrameMemory, off: number, frame: FuzzFrame): FrameBurst {
  const burst = new FrameBurst(memory);
  burst.off[0] = off;
  burst.len[0] = frame.bytes.length;
  burst.offload[0] = frame.offload;
  burst.count = 1;
  return burst;
}

t.setTimeout(3_600_000);
for (const daemons of [false, true]) t.test(`frames of every kind and of none do no harm, ${daemons ? 'with' : 'without'} synchronisation daemons (seed ${SEED})`, async (t) => {
  const random = new SeededRandom(SEED * 2 + Number(daemons));
  const source = new FrameSource(random);
  const edits = new RandomEdits(random);
  const [a, b, many] = [new Subject(daemons), new Subject(daemons), new Subject(daemons)];
  let group: { frames: FuzzFrame[]; effects: Effect[]; most: number } = { frames: [], effects: [], most: 1 };
  const playGroup = (): void => {
    const { frames, effects } = group;
    group = { frames: [], effects: [], most: 1 + random.below(32) };
    if (!frames.length) return;
    many.dataplane.burst(frames[0]!.interfaceIdx, together(frames), many.recorder, nowMs);
    const others = many.recorder.take();
    const at = Array.from({ length: Math.max(effects.length, others.length) }, (_, i) => i).find((i) => !effects[i] || !others[i] || !sameEffect(effects[i]!, others[i]!));
    if (at !== undefined) throw new Error(`a burst of ${frames.length} frames does something else at effect ${at}: ${describe(effects.slice(at, at + 1))} or ${describe(others.slice(at, at + 1))}; frames ${frames.map((f) => `${f.offload}:${f.bytes.toString('hex')}`).join(' ')}`);
  };
  // The second one is traced: that must not change what it does, and tells how frames ended that nothing else shows.
  let verdict: TraceRecord['verdict'] | null = null;
  b.dataplane.trace({}, (record) => { verdict = record.verdict; });
  let nowMs = START_MS;
  let played = 0;
  const ended = { transmit: 0, pass: 0, deliver: 0, drop: 0, held: 0 };
  const began = performance.now();
  const drops = a.dataplane.drops;
  let dropsBefore = 0;
  while (played < FRAMES && (performance.now() - began) / 1000 < SECONDS) {
    const frame = source.next();
    const fail = (why: string): never => { throw new Error(`${why}; frame ${played} of seed ${SEED}, interface ${frame.interfaceIdx}, offload ${frame.offload}: ${frame.bytes.toString('hex')}`); };
    if (random.chance(0.02)) {
      playGroup();
      nowMs += random.pick([1, 1, 50, 50, 1000, 1000, 1000, 70_000]);
      const changes = random.chance(0.3) ? edits.next() : [];
      for (const subject of [a, b, many]) {
        for (const edit of changes) subject.dataplane.edit(edit, nowMs);
        subject.dataplane.advance(subject.recorder, nowMs);
        subject.recorder.take();
      }
      dropsBefore = drops.reduce((sum, n) => sum + n, 0);
    }
    verdict = null;
    try {
      for (const subject of [a, b]) {
        subject.dataplane.burst(frame.interfaceIdx, subject === a ? inTheMiddle(frame) : atTheEnd(frame), subject.recorder, nowMs);
      }
    } catch (error) {
      fail(`threw ${(error as Error).stack}`);
    }
    for (let i = 0; i < OFF - HEADROOM; i++) if (middle.u8[i] !== CANARY) fail(`wrote ${OFF - i} bytes before the frame`);
    for (let i = OFF + frame.bytes.length; i < OFF + frame.bytes.length + TAIL; i++) if (middle.u8[i] !== CANARY) fail(`wrote ${i - OFF - frame.bytes.length} bytes after the frame`);
    const effects = a.recorder.take();
    const others = b.recorder.take();
    if (effects.length !== others.length || effects.some((e, i) => !sameEffect(e, others[i]!))) fail(`what it did depends on bytes beyond the frame: ${describe(effects)} or ${describe(others)}`);
    for (const effect of effects) {
      const bad = effect.kind === 'transmit' ? badChecksum(effect.bytes, effect.offload, frame) : null;
      if (bad !== null) fail(`sent with ${bad}: ${effect.bytes.toString('hex')}`);
      if (effect.kind === 'pass' && !effect.bytes.equals(frame.bytes) && !effect.wasFragmented) fail('passed, but changed');
      if (effect.kind === 'transmit' && effect.interfaceIdx === 1) source.learn(effect.bytes);
      ended[effect.kind as keyof typeof ended]++;
    }
    if (group.frames[0]?.interfaceIdx !== frame.interfaceIdx || group.frames.length >= group.most) playGroup();
    group.frames.push(frame);
    group.effects.push(...effects);
    let dropsNow = 0;
    for (let i = 0; i < drops.length; i++) dropsNow += drops[i]!;
    const dropped = dropsNow - dropsBefore;
    dropsBefore = dropsNow;
    ended.drop += dropped;
    if (effects.length + dropped === 0) {
      // Held: an incomplete datagram, or a packet whose next hop is not resolved yet.
      if (!(verdict === 'hold' || verdict === 'transmit')) fail(`came to no counted end (${verdict ?? 'not traced'})`);
      ended.held++;
    }
    const seen = verdict as TraceRecord['verdict'] | null;
    if (seen === 'drop' && dropped === 0) fail('dropped without a reason');
    if (seen === 'pass' && !effects.some((e) => e.kind === 'pass')) fail('passed, but not given back');
    if (seen === 'deliver' && !effects.some((e) => e.kind === 'deliver')) fail('delivered, but not given to the host');
    played++;
  }
  playGroup();
  const stats = a.dataplane.stats();
  t.same(many.dataplane.stats().drops, stats.drops, 'dropped for the same reasons in bursts of many');
  t.comment(`${played} frames in ${((performance.now() - began) / 1000).toFixed(1)} s: ${JSON.stringify(ended)}`);
  t.comment(DROP_REASONS.map(([name], i) => `${name} ${stats.drops[i]}`).filter((l) => !l.endsWith(' 0')).join(', '));
  t.ok(played > 0);
  for (const [kind, n] of Object.entries(ended)) if (played > 5000) t.ok(n > 0, `${kind}: ${n}`);
  t.ok(stats.drops.every((n) => n >= 0));
});

function sameEffect(x: Effect, y: Effect): boolean {
  return x.kind === y.kind && x.interfaceIdx === y.interfaceIdx && x.offload === y.offload && x.bytes.equals(y.bytes);
}

function describe(effects: readonly Effect[]): string {
  return effects.map((e) => `${e.kind} ${e.interfaceIdx} ${e.bytes.toString('hex')}`).join(' ; ') || 'nothing';
}
