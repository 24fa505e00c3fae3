/** A keepalived.conf as large sites have them, made here: 173 services, 412 checkers, more than 7,000 lines. Read, and compared with one that differs a little. */
import { memoryHost } from '../../lib/config/config-host.ts';
import { readKeepalived } from '../../lib/config/keepalived/read-keepalived.ts';
import { desiredTable } from '../../lib/control/desired-table.ts';
import { plan } from '../../lib/control/plan.ts';
import type { DesiredConfiguration } from '../../lib/model/desired-configuration.ts';
import { median } from '../median.ts';

const SERVICES = 173;
const SERVERS = 412;
const ROUNDS = 5;

export function largeConfiguration(weight: number): string {
  const lines = ['! a large site', 'global_defs {', '    router_id LARGE', '}', ''];
  for (let service = 0; service < SERVICES; service++) {
    lines.push(`virtual_server 10.${service >> 8}.${service & 255}.1 ${8000 + service} {`, '    delay_loop 6', '    lb_algo wlc', '    lb_kind DR', '    persistence_timeout 50', '    protocol TCP', '    quorum 1', '    # comment', '');
    for (let server = Math.floor((service * SERVERS) / SERVICES); server < Math.floor(((service + 1) * SERVERS) / SERVICES); server++) {
      lines.push(
        `    real_server 172.16.${server >> 8}.${server & 255} ${8000 + service} {`, `        weight ${server === 7 ? weight : 100}`, '        inhibit_on_failure', '        TCP_CHECK {', '            connect_timeout 5', `            connect_port ${8000 + service}`,
        '            retry 3', '            delay_before_retry 2', '        }', '        # removed when it fails', '        notify_up "/usr/local/bin/notify up"', '        notify_down "/usr/local/bin/notify down"', '    }', '',
      );
    }
    lines.push('}', '');
  }
  return lines.join('\n');
}

/** Medians of a few rounds, in ms. */
export function readLargeConfiguration(): { readonly what: string; readonly ms: number }[] {
  const [text, changed] = [largeConfiguration(100), largeConfiguration(50)];
  const lines = text.split('\n').length;
  const parse: number[] = [], diff: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const wanted = read(changed);
    const parsed = performance.now();
    const running = { services: desiredTable(read(text), 'healthy'), timeouts: { tcp: 900, tcpFin: 120, udp: 300 } };
    const ready = performance.now();
    const commands = plan(running, wanted, { moment: 'healthy', keepOthers: false });
    if (commands.length !== 1) throw new Error(`${commands.length} commands for one changed weight`);
    parse.push(parsed - started);
    diff.push(performance.now() - ready);
  }
  return [
    { what: `a keepalived.conf of ${lines} lines, ${SERVERS} checkers: read`, ms: median(parse) }, { what: 'compared with what runs', ms: median(diff) }, { what: 'all of it, the first time (nothing is warm)', ms: parse[0]! + diff[0]! },
  ];
}

function read(text: string): DesiredConfiguration {
  return readKeepalived('large.conf', memoryHost({ 'large.conf': text }));
}
