import t from 'tap';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { readConfiguration, refusals } from '../../../lib/config/read-configuration.ts';
import type { ConfigFormat } from '../../../lib/config/detect.ts';
import { plan } from '../../../lib/control/plan.ts';
import type { ApiClient } from '../../../lib/control/api/client.ts';
import type { DesiredConfiguration } from '../../../lib/model/desired-configuration.ts';
import { LvsError } from '../../../lib/model/errors.ts';
import { checkText, commandLines, running, tableText } from '../../../cli/tsipvs/config.ts';

const KEEPALIVED = 'virtual_server 10.0.0.1 80 {\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n  alfa\n  real_server 10.1.0.1 80 {\n    weight 2\n  }\n}\n';

const read = (text: string, from: ConfigFormat | null = null): Promise<DesiredConfiguration> => readConfiguration(['f'], memoryHost({ f: text }), { from, wildcardAddress: null });

t.test('check names file, line, column, effect and the nearest word', async (t) => {
  const configuration = await read(KEEPALIVED);
  t.equal(checkText(configuration, false), 'f:5:3: warning: unknown keyword "alfa"; ignored (did you mean "alpha"?)\nf: keepalived, 1 service, 1 real server, 0 checks: usable, 1 warning\n');
  t.match(checkText(configuration, true), /refused \(1 mistake\)\n$/);
  t.same([refusals(configuration, false).length, refusals(configuration, true).length], [0, 1]);
});

t.test('the format is told from the content, --from overrides', async (t) => {
  t.equal((await read(KEEPALIVED)).format, 'keepalived');
  t.equal((await read(KEEPALIVED, 'ldirectord')).format, 'ldirectord');
  t.equal((await read('-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n')).format, 'ipvsadm');
  await t.rejects(read('hello'), LvsError);
  await t.rejects(readConfiguration(['none'], memoryHost({}), { from: null, wildcardAddress: null }), { message: /none: no such file/ });
});

t.test('rules survive reading and writing, a bad line refuses the file', async (t) => {
  const rules = '-A -t 10.0.0.1:80 -s wlc -p 60\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n-A -f 7 -6 -s rr\n-a -f 7 -6 -r [2001:db8::1]:0 -i -w 3 --tun-type ipip\n';
  t.equal(tableText(await read(rules), 'start'), rules);
  t.match((await read('-A -t 10.0.0.1:80\n-a -t 10.0.0.9:80 -r 10.1.0.1 -m\n')).diagnostics, [{ severity: 'error', line: 2, message: /no service/ }]);
  t.match((await read('-A -t 10.0.0.1:80\n-A -t nowhere\n')).diagnostics, [{ severity: 'error', line: 2 }]);
});

t.test('the difference to what runs is printed as ipvsadm commands', async (t) => {
  const desired = await read(KEEPALIVED);
  const client = {
    call: async (method: string) => (method === 'list' ? { services: [] } : { tcp: 900, tcpFin: 120, udp: 300 }),
  } as unknown as ApiClient;
  t.equal(commandLines(plan(await running(client), desired, { moment: 'healthy', keepOthers: false })), '-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 2\n');
});
