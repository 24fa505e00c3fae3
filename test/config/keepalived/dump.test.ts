/** What keepalived 2.2.7 said it had read (its data dump), beside what is read here: services, servers, checkers with their timers. */
import t from 'tap';
import type { DesiredConfiguration, DesiredDestination, DesiredService } from '../../../lib/model/desired-configuration.ts';
import type { HealthCheck } from '../../../lib/model/health-check.ts';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { recordedDump, recordedFiles } from '../recorded.ts';

/** ${_RANDOM}: the numbers were drawn. */
const DRAWN = 'kdt-1180.conf';
/** Services of an address family that the kernel did not take are in the dump and not in our configuration. */
const REFUSED_BY_KERNEL = 'kdt-vsg_test.conf';
const METHODS = { masq: 'NAT', route: 'DR', tunnel: 'TUN', local: '' };
const field = (text: string, form: RegExp): string => form.exec(text)?.[1] ?? '';
const yes = (flag: boolean): string => (flag ? 'yes' : 'no');

function dumpedServices(dump: string): string[] {
  return dump.split('------< Health checkers')[0]!.split(' ------< Virtual server >------').slice(1).flatMap((block) => {
    const [head, ...servers] = block.split('------< Real server >------') as [string, ...string[]];
    return [
      [
        'service', field(head, /lvs_sched = (\S+)/), field(head, /quorum = (\d+)/), field(head, /hysteresis = (\d+)/), field(head, /persistence timeout = (\d+)/) || '0',
        yes(/^ {3}alpha is ON/m.test(head)), yes(head.includes('omega is ON')), yes(head.includes('Using HA suspend')), field(head, /Using smtp notification = (\w+)/),
      ].join(' '),
      ...servers.map((server) => [
        ' server', field(server, /RIP = (\S+),/), field(server, /WEIGHT = (\d+)/), field(server, /forwarding method = (\w+)/), field(server, /limit range = (\d+ -> \d+)/),
        yes(server.includes('Inhibit on failure is ON')), field(server, /Using smtp notification = (\w+)/), field(server, /alive = (\d)/),
      ].join(' ')),
    ];
  });
}

function readServices({ services }: DesiredConfiguration): string[] {
  return services.flatMap(({ service, policy, destinations }: DesiredService) => [
    ['service', service.scheduler, policy.quorum, policy.hysteresis, service.persistenceSec, yes(policy.alpha), yes(policy.omega), yes(policy.haSuspend), yes(policy.smtpAlert)].join(' '),
    ...destinations.map(({ destination, inhibitOnFailure, smtpAlert, startsUp }: DesiredDestination) => [
      ' server', destination.address, destination.weight, METHODS[destination.method], `${destination.lowerThreshold} -> ${destination.upperThreshold}`, yes(inhibitOnFailure), yes(smtpAlert), startsUp ? 1 : 0,
    ].join(' ')),
  ]);
}

function dumpedCheckers(dump: string): string[] {
  const part = (dump.split('------< Health checkers >------\n')[1] ?? '').split(/^------</m)[0]!;
  const seconds = (text: string, form: RegExp): number => Number(field(text, form)) / 1e6;
  return part.split(/^ (?=\S.* -> )/m).slice(1).map((checker) => {
    const name = field(checker, /Keepalive method = (\w+)/);
    if (name === 'FILE_CHECK' || name === 'BFD_CHECK') return name;
    const urls = [...checker.matchAll(/Checked url = (\S+)([\s\S]*?)(?=Checked url|$)/g)].map(([, path, rest]) => [path, field(rest!, /digest = (\S+)/), [...rest!.matchAll(/^ {7}(\d+(?:-\d+)?)$/gm)].map((found) => found[1]).join('+')].join());
    return [
      name, field(checker, /Alpha = (\w+)/), seconds(checker, /Delay loop = (\d+)/), seconds(checker, /Warmup = (\d+)/), field(checker, /Retries = (\d+)/), seconds(checker, /Delay before retry = (\d+)/),
      field(checker, /Dest = (\S+)/), Number(field(checker, /Timeout = (\S+)/)), field(checker, /helo = (\S+)/), field(checker, /Type = (\S+)/), field(checker, /Mark = (\S+)/), ...urls,
    ].join(' ');
  });
}

function readCheckers({ services }: DesiredConfiguration): string[] {
  return services.flatMap(({ destinations }) => destinations.flatMap(({ checks }) => checks.map(({ name, timing, target, check }: HealthCheck) => {
    if (name === 'FILE_CHECK' || name === 'BFD_CHECK') return name;
    const urls = check.kind === 'http' ? check.urls.map((url) => [url.path, url.digest ?? '', (url.statusCodes ?? [[200, 299] as const]).map(([low, high]) => (low === high ? low : `${low}-${high}`)).join('+')].join()) : [];
    return [
      name, yes(timing.alpha), timing.intervalSec, timing.warmupSec, timing.retries, timing.delayBeforeRetrySec, `[${target.address}]:${target.port ?? 0}`, timing.timeoutSec, check.kind === 'smtp' ? check.helo : '',
      check.kind === 'dns' ? check.type : '', target.fwmark ?? '', ...urls,
    ].join(' ');
  })));
}

/** Checkers of files are dumped behind the others. */
const filesLast = (checkers: readonly string[]): string[] => [...checkers.filter((one) => one !== 'FILE_CHECK'), ...checkers.filter((one) => one === 'FILE_CHECK')];

for (const [name, text] of Object.entries(recordedFiles('keepalived'))) {
  const dump = recordedDump('keepalived', name, '.dump');
  if (dump === null || name === DRAWN) continue;
  t.test(`timers, retries and weights of ${name} are those keepalived dumped`, async (t) => {
    const configuration = readKeepalived(name, memoryHost({ [name]: text }, { configId: 'low', hasUser: (user) => user === 'root', isExecutable: () => false }));
    const dumped = dumpedServices(dump);
    const read = readServices(configuration);
    t.same(read, name === REFUSED_BY_KERNEL ? dumped.slice(0, read.length) : dumped);
    t.same(filesLast(readCheckers(configuration)), filesLast(dumpedCheckers(dump)));
  });
}
