import t from 'tap';
import { memoryHost, type ConfigHost } from '../../../lib/config/config-host.ts';
import { readLdirectord } from '../../../lib/config/ldirectord/read-ldirectord.ts';
import { refusals } from '../../../lib/config/read-configuration.ts';
import type { DesiredConfiguration } from '../../../lib/model/desired-configuration.ts';
import { tableText } from '../../../cli/tsipvs/config.ts';
import { recordedDump, recordedFiles, recordedText, startTable } from '../recorded.ts';

/** Names that the recording machine resolved. */
const HOSTS: Readonly<Record<string, string>> = { sql01: '192.168.10.1', sql02: '192.168.10.2', sql03: '192.168.10.3' };
/**
 * Recorded between two moments, while ldirectord was still entering servers and taking them out again. Recorded anew with ldirectord stopped just
 * before its first check (NAME.start.rules), the table is whole.
 */
const RECORDED_BETWEEN = ['deb-block-03.cf', 'ldmgr-mariadb.cf', 'pacemaker-1.0.cf'];

const host = (files: Readonly<Record<string, string>>): ConfigHost => memoryHost(files, { addressOf: (name) => HOSTS[name] ?? null });
const read = (text: string): DesiredConfiguration => readLdirectord('x.cf', host({ 'x.cf': text }));

for (const [name, text] of Object.entries(recordedFiles('ldirectord'))) {
  const recorded = recordedDump('ldirectord', name, '.rules')?.split('\n');
  if (recorded === undefined) continue;
  t.test(`the start table of ${name} is ldirectord's`, async (t) => {
    const table = startTable(readLdirectord(name, host({ [name]: text })));
    t.same(table, RECORDED_BETWEEN.includes(name) ? recordedText(`ldirectord/dumps/${name.replace('.cf', '.start.rules')}`).trim().split('\n') : recorded);
  });
}

t.test('files that ldirectord refuses are refused, at the same line', async (t) => {
  const files = recordedFiles('ldirectord');
  for (const row of recordedText('ldirectord/RESULTS.tsv').trim().split('\n').slice(1)) {
    const [name = '', exit = '', , , message = ''] = row.split('\t');
    const refused = refusals(readLdirectord(name, host({ [name]: files[name]! })), false);
    const line = /at line (\d+)/.exec(message)?.[1];
    // Exit 2 without a message: a Perl module was missing when checks began.
    t.equal(refused[0]?.line, line === undefined ? undefined : Number(line), `${name}: exit ${exit}`);
  }
});

t.test('one mistake a file: refused where ldirectord refuses it', async (t) => {
  for (const part of recordedText('ldirectord/bad-configs.txt').split(/^--- /m).slice(1)) {
    const [text = '', ...messages] = part.split('\n');
    const refused = refusals(read(text.replaceAll('\\n', '\n').replaceAll('\\t', '\t')), false);
    t.equal(refused.length > 0, messages.includes('rc=2'), text);
    const line = /at line (\d+)/.exec(part)?.[1];
    if (line !== undefined) t.equal(refused[0]!.line, Number(line), text);
  }
});

t.test('ldirectord is silent where this one warns', async (t) => {
  const mark = read('virtual=10.0.0.1\n\treal=10.1.0.1:80 gate\n');
  t.same(startTable(mark), ['-A -f 10 -s wrr', '-a -f 10 -r 10.1.0.1:80 -g -w 1']);
  t.match(mark.diagnostics, [{ severity: 'warning', line: 1, column: 9, message: /no port/ }]);
  t.match(read('virtual=10.0.0.1:80\n\treal=10.1.0.1:80 gate\n\tscheduler=nosuch\n').diagnostics, [{ severity: 'warning', line: 3, message: /unknown scheduler/ }]);
});

t.test('timers, thresholds, ranges and requests of a server', async (t) => {
  const { services: [service] } = read('checkinterval=7s\nchecktimeout=3\nnegotiatetimeout=9\nquiescent=no\nvirtual=10.0.0.1:80\n    real=10.1.0.1->10.1.0.2:8080 masq 4 "/a", "b" l:5 u:9\n    failurecount=3\n    request="c"\n    receive="d"\n    service=http\n');
  t.same(service!.destinations.map(({ destination: { address, port, weight, lowerThreshold, upperThreshold } }) => [address, port, weight, lowerThreshold, upperThreshold]), [['10.1.0.1', 8080, 4, 5, 9], ['10.1.0.2', 8080, 4, 5, 9]]);
  t.match(service!.destinations[0]!.checks, [{ timing: { intervalSec: 7, timeoutSec: 9, retries: 2 }, check: { kind: 'http', urls: [{ path: '/a', regex: 'b' }] }, target: { port: 8080 } }]);
  t.equal(service!.policy.onFailure, 'remove');
});

t.test('where sections end, what stands in them, and what is compared to the last blank: as ldirectord has it', async (t) => {
  const section = 'virtual=10.0.0.1:80\n\treal=10.1.0.1:80 gate\n';
  const refusedAt = (text: string): (number | undefined)[] => refusals(read(text), false).map(({ line }) => line);
  t.same(refusedAt(`${section}# a comment ends nothing\n\tscheduler=rr # nor does this\n`), []);
  t.same(refusedAt(`${section}\n\tscheduler=rr\n`), [4], 'a blank line ends a section');
  t.same(refusedAt(`${section}checkinterval=2\n\tscheduler=rr\n`), [4], 'so does a global setting');
  t.same(refusedAt(`${section}\tquiescent=yes # really\n`), [3], 'a blank is left behind yes');
  t.same(refusedAt(`${section}\tscheduler=rr  # fine\n`), []);
  t.same(refusedAt(`${section}${section}`), [4], 'the same service twice, found where the second one ends');
  t.same(refusedAt('virtual6=[2001:db8::1]:80\n\treal=[2001:db8::2]:80 gate\n'), [2], 'real6 in virtual6');
  t.same(startTable(read('virtual=10.0.0.1:443\n\treal=10.1.0.1:443 gate\n\tfallback=127.0.0.1:80 gate\n')), ['-A -t 10.0.0.1:443 -s wrr', '-a -t 10.0.0.1:443 -r 127.0.0.1:443 -g -w 1'], 'only masquerading changes ports');
});

t.test('before any check: nothing, or weight 0 where quiescent asks for it; what is up without being asked is there', async (t) => {
  const table = (type: string, more = ''): string[] => startTable(read(`${more}virtual=10.0.0.1:80\n\treal=10.1.0.1:80 masq 3\n\tfallback=10.1.0.9:80\n\tchecktype=${type}\n`));
  const service = '-A -t 10.0.0.1:80 -s wrr';
  t.same(table('connect'), [service, '-a -t 10.0.0.1:80 -r 10.1.0.9:80 -g -w 1']);
  t.same(table('connect', 'quiescent=yes\n'), [service, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0', '-a -t 10.0.0.1:80 -r 10.1.0.9:80 -g -w 1']);
  t.same(table('off'), [service, '-a -t 10.0.0.1:80 -r 10.1.0.9:80 -g -w 1']);
  t.same(table('on'), [service, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3']);
  t.same(table('negotiate\n\tservice=none'), [service, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3']);
  const kinds = (more: string): string[] => read(`virtual=10.0.0.1:5000\n\treal=10.1.0.1:5000 masq\n${more}`).services[0]!.destinations[0]!.checks.map(({ check }) => check.kind);
  t.same([kinds('\tchecktype=connect\n'), kinds('\tchecktype=connect\n\tprotocol=udp\n')], [['tcp'], ['ping']], 'a datagram service is pinged');
});

interface Asked { readonly name: string; readonly text: string; readonly refused?: { readonly line: number; readonly message: string }; readonly table?: readonly string[] }

/** What the machine that was asked resolved (hosts and services of the recording). */
const ASKED_HOSTS: Readonly<Record<string, readonly [string | null, string | null]>> = {
  ...Object.fromEntries(Object.entries(HOSTS).map(([name, address]) => [name, [address, null] as const])),
  localhost: ['127.0.0.1', '::1'], 'www.example.test': ['192.0.2.10', null], rs1: ['10.1.0.1', null], 'rs2.example.test': ['10.1.0.2', null], rs2: ['10.1.0.2', null], rs3: ['10.1.0.3', null],
  'www6.example.test': [null, '2001:db8::10'], 'rs1v6.example.test': [null, '2001:db8:1::1'],
};
const ASKED_SERVICES: Readonly<Record<string, number>> = { domain: 53, http: 80, www: 80, https: 443, smtp: 25, ftp: 21, mysql: 3306 };

t.test('files made to be difficult: refused where ldirectord 4.12 refuses them, and its table on a real kernel after the first round of checks', async (t) => {
  for (const { name, text, refused, table } of JSON.parse(recordedText('ldirectord/asked.json')) as Asked[]) {
    const configuration = readLdirectord('x.cf', memoryHost({ 'x.cf': text }, { addressOf: (word, family) => ASKED_HOSTS[word]?.[family === 4 ? 0 : 1] ?? null, portOf: (word) => ASKED_SERVICES[word] ?? null }));
    const refusedHere = refusals(configuration, false);
    if (refused === undefined) t.same(refusedHere, [], name);
    else t.ok(refusedHere.some(({ line }) => line === refused.line), `${name}: line ${refused.line}: ${refused.message}`);
    if (table !== undefined) t.same(startTable(configuration), table, name);
    for (const { line, column } of configuration.diagnostics) t.ok(line > 0 && column > 0, name);
  }
});

/** The last table of a timeline before `until`. */
function tableAt(timeline: string, until: string): string[] {
  const before = timeline.split('\n').slice(0, timeline.split('\n').findIndex((line) => line.includes(until)));
  return before.findLast((line) => / IPVS /.test(line))!.replace(/^.* IPVS /, '').split(';').filter((line) => line !== '');
}

for (const [name, until] of [['ld-types', 'TERM'], ['ld-http-qno', 'body of rs1 changes']] as const) {
  t.test(`with every server up, the table of ${name} is the one ldirectord came to`, async (t) => {
    const configuration = read(recordedText(`ldirectord/timelines/${name}.cf`));
    t.same(configuration.diagnostics.filter(({ severity }) => severity !== 'note'), []);
    t.same(tableText(configuration, 'healthy').trim().split('\n'), tableAt(recordedText(`ldirectord/timelines/${name}.log`), until));
  });
}
