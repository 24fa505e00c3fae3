/** The schema as a reference for people: the tables of README.md. */
import { CHECKS, LOAD, SCRIPT, SERVER, SERVICE, SMTP, SORRY, SYNC, TIMEOUTS, TIMING, TOP, TUNNEL, URL_FIELDS, type Field, type Fields } from './schema.ts';

const PARTS: readonly (readonly [string, Fields])[] = [
  ['The file', TOP], ['A service', SERVICE], ['A server', SERVER], ['Sorry server', SORRY], ['Every check', TIMING],
  ...Object.entries(CHECKS).filter(([, fields]) => Object.keys(fields).length > 0).map(([type, fields]) => [`Check \`${type}\``, fields] as const),
  ['An entry of urls', URL_FIELDS], ['Tunnel', TUNNEL], ['Script', SCRIPT], ['Load monitor', LOAD], ['Timeouts', TIMEOUTS], ['Synchronisation', SYNC], ['Mail', SMTP],
];

export function referenceText(): string {
  return PARTS.map(([title, fields]) => `### ${title}\n\n| field | takes | default | meaning |\n|---|---|---|---|\n${Object.entries(fields).map(row).join('')}`).join('\n');
}

function row([name, { type, otherwise, required, help }]: readonly [string, Field]): string {
  const takes = typeof type === 'string' ? type : type.join(', ');
  const usual = required === true ? 'needed' : otherwise === undefined || otherwise === null ? '' : JSON.stringify(otherwise);
  return `| \`${name}\` | ${takes} | ${usual} | ${help.replaceAll('|', '\\|')} |\n`;
}
