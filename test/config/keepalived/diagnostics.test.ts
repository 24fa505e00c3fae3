/** One mistake a file: keepalived 2.2.7's message (data/keepalived/DIAGNOSTICS.txt) and ours, with its line and what follows. */
import t from 'tap';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { diagnosticText } from '../../../lib/config/diagnostics.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { refusals } from '../../../lib/config/read-configuration.ts';
import { recordedText, startTable } from '../recorded.ts';

interface Case { readonly name: string; readonly text: string; readonly exit: number; readonly messages: readonly string[] }

/** Start tables that show the effect; what is not here has the plain one. */
const PLAIN = ['-A -t 10.0.0.1:80 -s rr', '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1'];
const TABLES: Readonly<Record<string, readonly string[]>> = {
  defaults_all_missing: ['-A -u 10.0.0.1:80 -s wlc', '-a -u 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1'],
  no_real_server: [], one_line_block: [],
  bad_scheduler: ['-A -t 10.0.0.1:80 -s wlc', PLAIN[1]!],
  bad_protocol: ['-A -u 10.0.0.1:80 -s rr', '-a -u 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1'],
  dr_port_mismatch: [PLAIN[0]!, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 1'],
  quorum_above_weight: [PLAIN[0]!, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 1'],
  persistence_no_value: ['-A -t 10.0.0.1:80 -s rr -p 360', PLAIN[1]!],
  no_port: ['-A -t 10.0.0.1:0 -s rr -p 360', '-a -t 10.0.0.1:0 -r 10.1.0.1:80 -m -w 1'],
  weight_0: [PLAIN[0]!, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0'],
  weight_70000: [PLAIN[0]!, '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 70000'],
  dns_bad_type: ['-A -u 10.0.0.1:53 -s rr', '-a -u 10.0.0.1:53 -r 10.1.0.1:53 -m -w 1'],
};

function cases(): Case[] {
  return recordedText('keepalived/DIAGNOSTICS.txt').split(/^=== /m).slice(1).map((part) => {
    const [name = '', ...lines] = part.trimEnd().split('\n');
    const cut = lines.findIndex((line) => line.startsWith('--- exit'));
    return { name, text: lines.slice(0, cut).map((line) => line.slice(4)).join('\n'), exit: Number(lines[cut]!.slice('--- exit '.length)), messages: lines.slice(cut + 1).map((line) => line.trim()) };
  });
}

for (const { name, text, exit, messages } of cases()) {
  t.test(`${name}: a remark where keepalived has one, and its effect`, async (t) => {
    const configuration = readKeepalived('x.conf', memoryHost({ 'x.conf': text }, { hasInterface: (one) => one !== 'nope0' }));
    const remarks = configuration.diagnostics;
    const remarked = remarks.filter(({ severity }) => severity !== 'note');
    t.equal(remarked.length > 0, exit !== 0, remarks.map(diagnosticText).join('\n'));
    for (const message of messages) {
      const line = /Line (\d+)\)/.exec(message)?.[1];
      if (line !== undefined) t.ok(remarks.some((remark) => remark.file === 'x.conf' && remark.line === Number(line)), `line ${line}: ${message}`);
    }
    for (const { line, column, effect } of remarks) t.ok(line > 0 && column > 0 && effect !== '');
    t.equal(refusals(configuration, false).length > 0, exit === 6, 'refused only where keepalived does not run');
    t.equal(refusals(configuration, true).length > 0, exit !== 0, '--strict refuses what has a remark');
    if (!name.startsWith('vrrp_')) t.same(startTable(configuration), TABLES[name] ?? PLAIN);
  });
}

t.test('the nearest known word is named', async (t) => {
  const text = 'virtual_server 10.0.0.1 80 {\n  lb_algo wllc\n  protcol TCP\n  real_server 10.1.0.1 80 {\n    TCP_CHEK {\n    }\n  }\n}\n';
  const suggestions = readKeepalived('x', memoryHost({ x: text })).diagnostics.map(({ line, column, suggestion }) => [line, column, suggestion]);
  t.match(suggestions, [[2, 11, 'wlc'], [3, 3, 'protocol'], [5, 5, 'TCP_CHECK']]);
});

t.test('VRRP blocks are kept as they stand', async (t) => {
  const { kept } = readKeepalived('x', memoryHost({ x: 'vrrp_instance V {\n  interface eth0\n  virtual_router_id 1\n  virtual_ipaddress {\n    10.0.0.1/24 dev eth0\n  }\n}\n' }));
  t.same(kept, [{
    name: 'vrrp_instance V', file: 'x', line: 1,
    body: { block: 'vrrp_instance', words: ['vrrp_instance', 'V'], items: [['interface', 'eth0'], ['virtual_router_id', '1'], { words: ['virtual_ipaddress'], block: [['10.0.0.1/24', 'dev', 'eth0']] }] },
  }]);
});

t.test('an SSL block is told not to give checks a certificate', async (t) => {
  const text = 'SSL {\n  certificate /etc/c.pem\n  key /etc/k.pem\n}\n';
  t.match(readKeepalived('x', memoryHost({ x: text })).diagnostics, [{ severity: 'note', line: 1, message: 'checks have no client certificate' }]);
});
