/** Brings the decapsulator's TUN device up with a reverse-path filter that lets clients' packets in. */
import { readFileSync, writeFileSync } from 'node:fs';
import { runCommand } from '../run-command.ts';

export async function setDecapDeviceUp(device: string): Promise<void> {
  const strictest = readFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8').trim();
  writeFileSync(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, strictest === '0' ? '0' : '2');
  await runCommand(['ip', 'link', 'set', device, 'up']);
}
