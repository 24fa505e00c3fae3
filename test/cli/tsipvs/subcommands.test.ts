import t from 'tap';
import { PassThrough } from 'node:stream';
import { runMark } from '../../../cli/tsipvs/mark.ts';
import { nearestWord } from '../../../lib/config/nearest-word.ts';
import { parseSetting, sysctlText } from '../../../cli/tsipvs/sysctl.ts';
import { DROP_REASONS } from '../../../lib/model/drop-reason.ts';
import { refresh, takePicture } from '../../../cli/tsipvs/top.ts';
import { short } from '../../../cli/tsipvs/short.ts';
import { statusText } from '../../../cli/tsipvs/status.ts';
import { duration, topFrame } from '../../../cli/tsipvs/top-frame.ts';
import { workerRows } from '../../../cli/tsipvs/worker-rows.ts';
import { runTrace, traceFilter } from '../../../cli/tsipvs/trace.ts';
import { traceText } from '../../../cli/tsipvs/trace-text.ts';
import { sysctlDefaults } from '../../../lib/model/sysctl.ts';
import { FakeDaemon, RECORD } from './fake-daemon.ts';

t.test('sysctl names are taken with and without prefix, with dots or slashes', async (t) => {
  t.same(parseSetting('conn_reuse_mode'), { name: 'conn_reuse_mode', value: null });
  t.same(parseSetting('net.ipv4.vs.conn_reuse_mode=0'), { name: 'conn_reuse_mode', value: 0 });
  t.same(parseSetting('net/ipv4/vs/drop_entry = 1'), { name: 'drop_entry', value: 1 });
});

t.test('a typo in a sysctl name gets the nearest one', async (t) => {
  t.throws(() => parseSetting('conn_reuze_mode'), { message: 'no sysctl "conn_reuze_mode": did you mean conn_reuse_mode?' });
  t.throws(() => parseSetting('reuse'), { message: 'no sysctl "reuse": did you mean conn_reuse_mode?' });
  t.throws(() => parseSetting('tcp_mem'), /"tsipvs sysctl" lists all/);
  t.throws(() => parseSetting('drop_entry=on'), { message: 'net.ipv4.vs.drop_entry: "on" is not a number' });
  t.equal(nearestWord('sloppy_tpc', ['sloppy_tcp', 'sloppy_sctp']), 'sloppy_tcp');
});

t.test('sysctls print as sysctl(8) prints them', async (t) => {
  const values = sysctlDefaults();
  t.equal(sysctlText(values, ['drop_entry', 'am_droprate'], { json: false, values: false }), 'net.ipv4.vs.drop_entry = 0\nnet.ipv4.vs.am_droprate = 10\n');
  t.equal(sysctlText(values, ['am_droprate'], { json: false, values: true }), '10\n');
  t.same(JSON.parse(sysctlText(values, ['am_droprate'], { json: true, values: false })), { am_droprate: 10 });
});

t.test('mark rules are added, inserted, deleted by number or by text, saved and listed', async (t) => {
  const daemon = new FakeDaemon();
  const mark = (line: string): Promise<string> => runMark(daemon, line.split(' ')[0]!, line.split(' ').slice(1), false);
  await mark('add -d 192.0.2.10 --set-mark 1');
  await mark('add -d 192.0.2.11 --set-mark 2');
  await mark('insert -d 192.0.2.12 --set-mark 3');
  await mark('insert 2 -d 192.0.2.13 --set-mark 4');
  t.same(daemon.marks.map(({ mark: number }) => number), [3, 4, 1, 2]);
  t.equal(await mark('list'), '   1  -d 192.0.2.12 --set-mark 3\n   2  -d 192.0.2.13 --set-mark 4\n   3  -d 192.0.2.10 --set-mark 1\n   4  -d 192.0.2.11 --set-mark 2\n');
  await mark('delete 1');
  await mark('delete --set-mark 1 -d 192.0.2.10');
  t.equal(await mark('save'), '-d 192.0.2.13 --set-mark 4\n-d 192.0.2.11 --set-mark 2\n');
  await t.rejects(mark('delete 3'), { message: 'no rule number 3: 1 to 2' });
  await t.rejects(mark('delete -d 192.0.2.99 --set-mark 4'), { message: 'no such rule: -d 192.0.2.99 --set-mark 4' });
  t.same(JSON.parse(await runMark(daemon, 'list', [], true)), daemon.marks);
  await mark('flush');
  t.same(daemon.marks, []);
});

t.test('a trace filter is read from addresses with and without port', async (t) => {
  t.same(traceFilter({ client: '203.0.113.7:40001', virtual: '192.0.2.10', protocol: 'tcp', count: 5 }), { client: '203.0.113.7', clientPort: 40001, virtual: '192.0.2.10', protocol: 6, limit: 5 });
  t.same(traceFilter({ virtual: '[2001:db8::10]:80' }), { virtual: '2001:db8::10', virtualPort: 80 });
  t.same(traceFilter({ client: '2001:db8::7' }), { client: '2001:db8::7' });
  t.throws(() => traceFilter({ client: 'web1' }), { message: '--client web1 is not ADDRESS or ADDRESS:PORT' });
  t.throws(() => traceFilter({ virtual: '192.0.2.10:70000' }), /--virtual 192\.0\.2\.10:70000/);
  t.throws(() => traceFilter({ count: 0 }), /--count/);
});

t.test('a record reads as a story: packet, steps, verdict', async (t) => {
  t.equal(traceText(RECORD), [
    '1.234500 cl0 TCP 203.0.113.7:40001 > 192.0.2.10:80', '    service   virtual service tcp 192.0.2.10 80, rr', '    schedule  rr picks 10.1.0.1:80', '    => transmit rs0', '',
  ].join('\n'));
});

t.test('a trace ends at its limit, or when the connection ends', async (t) => {
  const subscription = (events: number, end: boolean) => ({
    subscribe: async (_filter: object, onEvent: (record: typeof RECORD) => void, onEnd?: () => void) => {
      for (let n = 0; n < events; n++) setImmediate(() => onEvent(RECORD));
      if (end) setImmediate(() => onEnd?.());
      return { started: true as const };
    },
    close() {},
  });
  t.equal(await runTrace(subscription(3, false), { limit: 3 }, () => {}), 3);
  t.equal(await runTrace(subscription(2, true), {}, () => {}), 2);
});

t.test('numbers in top are short and durations plain', async (t) => {
  t.same([0, 9999, 10_000, 99_960, 999_499, 999_500, 1_234_567, 5e12].map(short), ['0', '9999', '10.0k', '100k', '999k', '1.00M', '1.23M', '5.00T']);
  t.same([5, 65, 3725, 90_000].map(duration), ['5s', '1m5s', '1h2m', '1d1h']);
});

t.test('a top picture shows services and real servers, cut to the terminal', async (t) => {
  const daemon = new FakeDaemon();
  const lines = topFrame(await takePicture(daemon, '14:05:09'), { columns: 200, rows: 50 });
  t.same(lines, [
    'tsipvs top 14:05:09   up 1h2m   device packet (cl0, rs0)',
    'connections 12 of 1048576, 1 templates   packets 12.3k/s in, 1.23M/s out   dropped 9',
    '',
    'Worker      Busy  Frames/s     Bit/s   Fast  Handed over/s  Lost/s',
    '0            10%      2685     2.15M    99%              0       0',
    '1             0%      1342     2.15G    80%            200       0',
    '',
    'Service or real server             Fwd    Weight  Active   InAct      CPS    InPPS   OutPPS  InBit/s OutBit/s',
    'TCP 192.0.2.10:80 rr                                   5       7        3    12.3k    1.23M     8000    16.0M',
    '  -> 10.1.0.1:80                   Masq       3!       5       7        3    12.3k    1.23M     8000    16.0M',
  ]);
  t.ok(topFrame(await takePicture(daemon), { columns: 40, rows: 50 }).every((line) => line.length <= 40));
  daemon.services = Array.from({ length: 20 }, () => daemon.services[0]!);
  const cut = topFrame(await takePicture(daemon), { columns: 200, rows: 14 });
  t.equal(cut.length, 13);
  t.equal(cut.at(-1), '... 36 more lines');
  daemon.services = [];
  t.match(topFrame(await takePicture(daemon), { columns: 200, rows: 10 }).at(-1), /no virtual services/);
});

t.test('a worker\'s line tells what it did since the picture before', async (t) => {
  const workers = (await takePicture(new FakeDaemon())).stats.workers;
  const later = workers.map((worker) => ({ ...worker, frames: worker.frames + 20_000, bytes: worker.bytes + 2_000_000, fast: worker.fast + 5_000, handedOver: worker.handedOver + 15_000, lost: worker.lost + 8, cpuMs: worker.cpuMs + 1500 }));
  t.same(workerRows(later, 2, workers).slice(1), [0, 1].map((number) => `${number}            75%     10.0k     8.00M    25%           7500       4`));
  t.same(workerRows([], 2), []);
  t.match(workerRows(workers, 0, workers)[1], /^0 +0% +0 +0 +- +0 +0$/, 'two pictures of the same moment');
});

t.test('status says what runs, on what, with how many workers and why, and what was dropped', async (t) => {
  const { info, stats } = await takePicture(new FakeDaemon());
  t.same(statusText(info, stats).split('\n'), [
    'tsipvsd 0.1.0, pid 1, up 1h2m',
    'device packet on cl0, rs0; 2 workers (half of 4 processors)',
    'services 0, connections 12 of 1048576, templates 1',
    'frames received 0, sent 0, left to the host 0',
    'dropped, by reason',
    `           9 ${DROP_REASONS[4][0]}`,
    '',
    'since the start, on the average',
    'Worker      Busy  Frames/s     Bit/s   Fast  Handed over/s  Lost/s',
    '0            10%      2685     2.15M    99%              0       0',
    '1             0%      1342     2.15G    80%            200       0',
    '',
  ]);
  t.match(statusText({ ...info, workers: null, interfaces: [] }, { ...stats, drops: [], workers: [] }), /^device packet on no interface\n[^]*dropped none\n$/m);
});

t.test('top restores the terminal however it ends', async (t) => {
  const ends: readonly ((input: PassThrough, daemon: FakeDaemon) => void)[] = [
    (input) => input.write('q'),
    (input) => input.write('\x03'),
    (input, daemon) => {
      daemon.call = () => Promise.reject(new Error('the director ended'));
      input.write(' ');
    },
  ];
  for (const [n, end] of ends.entries()) {
    const daemon = new FakeDaemon();
    const modes: boolean[] = [];
    const input = Object.assign(new PassThrough(), { setRawMode(mode: boolean) { modes.push(mode); return this; } });
    const output = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
    let screen = '';
    output.on('data', (chunk: Buffer) => {
      screen += chunk;
      if (screen.endsWith('\x1b[J')) setImmediate(end, input, daemon);
    });
    const done = refresh(daemon, 3_600_000, input as unknown as NodeJS.ReadStream, output as unknown as NodeJS.WriteStream);
    if (n === 2) await t.rejects(done, { message: 'the director ended' });
    else await done;
    t.match(screen, /tsipvs top/);
    t.ok(screen.startsWith('\x1b[?1049h\x1b[?25l') && screen.endsWith('\x1b[?25h\x1b[?1049l'));
    t.same(modes, [true, false]);
  }
});
