/** What the director's own network stack did, from /proc/net/snmp and snmp6: answers and forwarding that must not happen for VIP traffic. */
import type { RunningLab } from '../../lib/lab/running-lab.ts';

export interface HostCounters {
  readonly resetsSent: number;
  /** ICMP and ICMPv6 errors and redirects, not echo or neighbour discovery. */
  readonly icmpErrorsSent: number;
  readonly forwarded: number;
  readonly tcpChecksumErrors: number;
}

export async function hostCounters(lab: RunningLab, host: string): Promise<HostCounters> {
  const { stdout } = await lab.run(host, ['cat', '/proc/net/snmp', '/proc/net/netstat', '/proc/net/snmp6']);
  const values = new Map<string, number>();
  const lines = stdout.split('\n');
  for (let i = 0; i + 1 < lines.length; i++) {
    const names = lines[i]!.split(' '), numbers = lines[i + 1]!.split(' ');
    if (/^\w+:$/.test(names[0]!) && names[0] === numbers[0] && !/^-?\d/.test(names[1]!)) names.slice(1).forEach((n, k) => values.set(`${names[0]!.slice(0, -1)}${n}`, Number(numbers[k + 1])));
    const six = /^(\w+6\w+)\s+(\d+)$/.exec(lines[i]!);
    if (six !== null) values.set(six[1]!, Number(six[2]));
  }
  const sum = (...names: string[]): number => names.reduce((total, n) => {
    const value = values.get(n);
    if (value === undefined) throw new Error(`no counter ${n}`);
    return total + value;
  }, 0);
  return {
    resetsSent: sum('TcpOutRsts'),
    icmpErrorsSent: sum('IcmpOutDestUnreachs', 'IcmpOutTimeExcds', 'IcmpOutParmProbs', 'IcmpOutRedirects', 'Icmp6OutDestUnreachs', 'Icmp6OutTimeExcds', 'Icmp6OutParmProblems', 'Icmp6OutRedirects'),
    forwarded: sum('IpForwDatagrams', 'Ip6OutForwDatagrams'),
    tcpChecksumErrors: sum('TcpInCsumErrors'),
  };
}
