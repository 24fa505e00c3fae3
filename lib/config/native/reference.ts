/** The schema as a reference for people: the tables of README.md. */
import { EXAMPLES, type Part } from './examples.ts';
import { CHECKS, LOAD, SCRIPT, SERVER, SERVICE, SMTP, SORRY, SYNC, TIMEOUTS, TIMING, TOP, TUNNEL, URL_FIELDS, type Field, type Fields } from './schema.ts';

export const PARTS: readonly (readonly [title: string, part: Part, fields: Fields])[] = [
  ['The file', 'file', TOP], ['A service', 'service', SERVICE], ['A server', 'server', SERVER], ['Sorry server', 'sorryServer', SORRY], ['Every check', 'check', TIMING],
  ...Object.entries(CHECKS).filter(([, fields]) => Object.keys(fields).length > 0).map(([type, fields]) => [`Check \`${type}\``, `check ${type}`, fields] as const),
  ['An entry of urls', 'url', URL_FIELDS], ['Tunnel', 'tunnel', TUNNEL], ['Script', 'script', SCRIPT], ['Load monitor', 'loadMonitor', LOAD], ['Timeouts', 'timeouts', TIMEOUTS], ['Synchronisation', 'syncDaemon', SYNC], ['Mail', 'smtp', SMTP],
];

export function referenceText(): string {
  return PARTS.map(([title, part, fields]) => `### ${title}\n\n| field | takes | default | meaning | example |\n|---|---|---|---|---|\n${Object.entries(fields).map(([name, field]) => row(name, field, EXAMPLES[part][name] ?? '')).join('')}`).join('\n');
}

function row(name: string, { type, otherwise, required, help }: Field, example: string): string {
  const takes = typeof type === 'string' ? type : type.join(', ');
  const usual = required === true ? 'needed' : otherwise === undefined || otherwise === null ? '' : JSON.stringify(otherwise);
  return `| \`${name}\` | ${takes} | ${usual} | ${help.replaceAll('|', '\\|')} | \`${name}: ${example.replaceAll('|', '\\|')}\` |\n`;
}
