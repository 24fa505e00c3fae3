/** genhash's dump: offset, sixteen octets in two groups, and the printable ones. */

const OCTETS_A_LINE = 16;
const HALF = OCTETS_A_LINE / 2;
const HALF_WIDTH = HALF * 3;

export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += OCTETS_A_LINE) {
    const line = [...bytes.subarray(at, at + OCTETS_A_LINE)];
    const hex = (octets: readonly number[]): string => octets.map((octet) => `${octet.toString(16).padStart(2, '0')} `).join('').padEnd(HALF_WIDTH);
    const text = line.map((octet) => (octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : '.')).join('').padEnd(OCTETS_A_LINE);
    lines.push(`${String(at).padStart(4, '0')}  ${hex(line.slice(0, HALF))}- ${hex(line.slice(HALF))}  ${text}\n`);
  }
  return lines.join('');
}
