import t from 'tap';
import { parseFlags, shadow } from '../../../cli/tsipvs/shadow.ts';
import { shadowText } from '../../../cli/tsipvs/shadow-text.ts';
import type { ShadowReport } from '../../../lib/model/shadow-report.ts';

const side = { flows: 5, activeConns: 5, inactiveConns: 0, peakConns: 5, timesOverloaded: 0 };
const REPORT: ShadowReport = {
  service: 'tcp 192.0.2.10 80', live: { scheduler: 'rr', schedFlags: 0, refused: 0 }, shadow: { scheduler: 'mh', schedFlags: 3, refused: 2 }, elapsedMs: 61_500, flows: 10, elsewhere: 4,
  clients: { returned: 4, movedLive: 3, movedShadow: 1 },
  destinations: [
    { address: '10.1.0.2', port: 80, weight: 1, upperThreshold: 6, removed: false, live: side, shadow: { ...side, flows: 6, peakConns: 6, timesOverloaded: 1 } },
    { address: '2001:db8:1::1', port: 80, weight: 1, upperThreshold: 0, removed: true, live: side, shadow: { ...side, flows: 2 } },
  ],
  changes: [{ atMs: 2500, text: '[2001:db8:1::1]:80 removed', returned: 1, movedLive: 1, movedShadow: 0 }], ended: null,
};

t.test('as text: shares side by side, what differed, who would have been overloaded, whom a change moved', async (t) => {
  t.equal(shadowText(REPORT), [
    'tcp 192.0.2.10 80: rr live, mh,mh-fallback,mh-port as its shadow, 61.5 s',
    '10 flows, 4 (40.0 %) would have gone elsewhere; no destination: 0 live, 2 shadow',
    '4 connections of clients seen before; to another destination than the last time: 3 (75.0 %) live, 1 (25.0 %) shadow',
    '',
    '                         weight                  live   peak                 shadow   peak',
    '10.1.0.2:80                   1            5 (50.0 %)      5             6 (75.0 %)      6   overloaded 0 times live, 1 shadow',
    '[2001:db8:1::1]:80 (removed)      1            5 (50.0 %)      5             2 (25.0 %)      5',
    '',
    'after 2.5 s: [2001:db8:1::1]:80 removed; of 1 client that came again, moved: 1 (100.0 %) live, 0 (0.0 %) shadow',
    '',
  ].join('\n'));
});

t.test('flags are those of the scheduler', async (t) => {
  t.equal(parseFlags('mh', 'mh-port,mh-fallback'), 3);
  t.equal(parseFlags('sh'), 0);
  t.throws(() => parseFlags('mh', 'sh-port'), { message: 'mh has no flag sh-port: one of mh-fallback, mh-port' });
  t.throws(() => parseFlags('rr', 'x'), { message: 'rr has no flag x: it has none' });
});

t.test('the last report is the director\'s, or at Ctrl-C the latest one', async (t) => {
  const asked: unknown[] = [];
  const client = (reports: readonly ShadowReport[], die = false): Parameters<typeof shadow>[0] => ({
    stream: (async (method: string, params: unknown, onEvent: (report: ShadowReport) => void, onEnd: () => void) => {
      asked.push([method, params]);
      setImmediate(() => {
        for (const report of reports) onEvent(report);
        if (die) onEnd();
      });
      return { started: true };
    }) as never,
  });
  const options = { service: { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }, scheduler: 'mh', schedFlags: 1, durationMs: 500 } as const;
  const seen: ShadowReport[] = [];
  t.match(await shadow(client([REPORT, { ...REPORT, ended: 'duration' }]), options, (report) => seen.push(report), () => {}), { ended: 'duration' });
  t.equal(seen.length, 2);
  t.same(asked, [['shadow', { request: { service: options.service, scheduler: 'mh', schedFlags: 1 }, intervalMs: 1000, durationMs: 500 }]]);
  t.equal(await shadow(client([]), options, () => {}, (stop) => stop()), null);
  await t.rejects(shadow(client([REPORT], true), options, () => {}, () => {}), { message: 'the director ended' });
});
