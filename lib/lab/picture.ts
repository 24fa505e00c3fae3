/** Draws a laboratory, so that a person sees what was built before trying it. */
import { CLIENT4, type LabTopology } from './topology.ts';

const TITLES = {
  nat: 'NAT (masquerading): requests and answers both pass the director, which rewrites addresses',
  dr: 'Direct routing: the director changes only the MAC address; servers hold the VIP on lo and answer the client directly',
  tun: 'Tunnelling: the director wraps the packet and routes it; servers unwrap it, hold the VIP on lo and answer the client directly',
  local: 'Local node: the director is itself one of the servers; the others are reached by NAT',
} as const;

export function drawTopology(topology: LabTopology): string {
  const serverLines = topology.servers.map((s) => `${s.name} ${s.address4}`);
  const lines = topology.mode === 'dr' ? drawShared(topology, serverLines) : topology.mode === 'tun' ? drawRouted(topology, serverLines) : drawThrough(topology, serverLines);
  return [TITLES[topology.mode], '', ...lines.map((line) => `  ${line}`), ''].join('\n');
}

function vipLines(topology: LabTopology): [string, string] {
  return [`VIP ${topology.vip4}`, `    ${topology.vip6}`];
}

function drawThrough(topology: LabTopology, servers: readonly string[]): string[] {
  const [vip4, vip6] = vipLines(topology);
  const box = ['director', vip4, vip6, ...(topology.mode === 'local' ? ['+ its own server'] : [])];
  const width = Math.max(...box.map((l) => l.length));
  const height = Math.max(box.length, servers.length);
  const lines = [`${' '.repeat(21)}+${'-'.repeat(width + 2)}+`];
  for (let i = 0; i < height; i++) {
    const left = i === 0 ? 'client --- clients --' : i === 1 ? `${CLIENT4}`.padEnd(21) : ' '.repeat(21);
    const right = i === 0 ? `-- servers --+-- ${servers[0] ?? ''}` : servers[i] !== undefined ? `             +-- ${servers[i]}` : '';
    lines.push(`${left}| ${(box[i] ?? '').padEnd(width)} |${right}`);
  }
  lines.push(`${' '.repeat(21)}+${'-'.repeat(width + 2)}+`);
  return lines;
}

function drawShared(topology: LabTopology, servers: readonly string[]): string[] {
  const [vip4, vip6] = vipLines(topology), margin = ' '.repeat(23);
  return [
    `client ${CLIENT4} --+`,
    `${margin}|`,
    `${margin}+-- director ${topology.director4}, ${vip4}, ${vip6.trim()}`,
    `${margin}|`,
    ...servers.map((s) => `${margin}+-- ${s} (${topology.vip4}, ${topology.vip6} on lo)`),
  ];
}

function drawRouted(topology: LabTopology, servers: readonly string[]): string[] {
  const [vip4, vip6] = vipLines(topology);
  const right = servers.map((s, i) => `+-- ${s}${i === 0 ? ` (${topology.vip4}, ${topology.vip6} on lo, decapsulator)` : ''}`);
  const left = [`client ${CLIENT4} --+`, `${' '.repeat(23)}+-- router --`, `director ${topology.director4} -+`, `  ${vip4}`, `  ${vip6}`];
  const rows = Math.max(left.length, right.length + 1);
  return Array.from({ length: rows }, (_, i) => `${(left[i] ?? '').padEnd(36)}${i === 0 ? '' : right[i - 1] ?? ''}`.trimEnd());
}
