/**
 * ldirectord.cf to a desired configuration. Sections are lines that begin with a tab or four blanks. ldirectord stops at the first mistake and
 * starts nothing: that is an error here and the reader goes on, so that all mistakes are seen at once. Where ldirectord is silent and
 * does something nobody meant (a VIP without port is firewall mark), this one warns.
 */
import type { DesiredConfiguration, DesiredGlobals } from '../../model/desired-configuration.ts';
import { NO_GLOBALS } from '../../model/desired-configuration.ts';
import { serviceKey } from '../../model/virtual-service.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics, type Place } from '../diagnostics.ts';
import { finishSection } from './finish-section.ts';
import { GLOBAL_SETTINGS, SECTION_SETTINGS, type Setting } from './options.ts';

export interface SettingLine { readonly value: string; readonly place: Place }

export interface Section {
  readonly virtual: SettingLine;
  readonly family: 4 | 6;
  readonly settings: Map<string, SettingLine>;
  readonly reals: { readonly line: SettingLine; readonly family: 4 | 6 }[];
}

const DEFAULT_INTERVAL_SEC = 10;
const SMTP = { port: 25, helo: '', timeoutSec: 30, router: '' };

export function readLdirectord(path: string, host: ConfigHost): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const text = host.readFile(path);
  if (text === null) diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
  const globals = new Map<string, SettingLine>();
  const sections: Section[] = [];
  let section: Section | null = null;
  // NB: a blank line ends a section, a line with nothing but a comment does not.
  let open = false;
  for (const [index, line] of (text ?? '').split('\n').entries()) {
    const place: Place = { file: path, line: index + 1, text: line };
    if (/^\s*#/.test(line)) continue;
    // A tab counts for four blanks.
    const inside = line.replace(/\t/g, '    ').startsWith('    ');
    const content: string = (inside ? line.replace(/#.*/, '') : line).replace(/\r$/, '');
    if (/^\s*$/.test(content)) {
      open = false;
      continue;
    }
    const parsed = /^\s*([A-Za-z0-9_]+)\s*=\s*(.*?)\s*$/.exec(content) ?? /^\s*(supervised)\s*()$/.exec(content);
    if (parsed === null) diagnostics.error(place, `not a "name = value" line: "${content.trim().slice(0, 80)}"`, 'the file is refused; ignored', content.trim().slice(0, 1));
    else if (inside) readInside(parsed[1]!, parsed[2]!, place, open ? section : null, diagnostics);
    else if (/^\s/.test(content) && section !== null) diagnostics.error(place, `"${parsed[1]}" is not indented by a tab or four blanks`, 'the file is refused: the line belongs to no section', parsed[1]!);
    else if (parsed[1] === 'virtual' || parsed[1] === 'virtual6') {
      open = true;
      section = { virtual: { value: unquoted(parsed[2]!), place }, family: parsed[1] === 'virtual6' ? 6 : 4, settings: new Map(), reals: [] };
      sections.push(section);
    } else {
      open = false;
      readSetting(parsed[1]!, parsed[2]!, place, GLOBAL_SETTINGS, globals, diagnostics);
    }
  }
  const services = sections.flatMap((one) => finishSection(one, globals, host, diagnostics));
  const seen = new Set<string>();
  for (const [n, { ids: [id] }] of services.entries()) {
    const key = serviceKey(id!);
    if (seen.has(key)) diagnostics.error(sections[n]?.virtual.place ?? { file: path, line: 0 }, `${key} stands there twice`, 'the file is refused; the first one counts');
    seen.add(key);
  }
  const kept = [...globals].map(([name, { value, place }]) => ({ name, file: place.file, line: place.line, body: value }));
  return { format: 'ldirectord', files: text === null ? [] : [path], services, globals: finishGlobals(globals, sections), diagnostics: diagnostics.list.toSorted((a, b) => a.line - b.line), kept };
}

function readInside(name: string, value: string, place: Place, section: Section | null, diagnostics: Diagnostics): void {
  const plain = name.replace(/6$/, '');
  const own = section?.family === 6 ? `${plain}6` : plain;
  if (section === null) diagnostics.error(place, `"${name}" stands in no section: virtual= begins one, a blank line ends it`, 'the file is refused; ignored', name);
  else if ((plain === 'real' || plain === 'fallback') && name !== own) diagnostics.error(place, `"${name}" cannot stand here: it is "${own}" for an IPv${section.family} service`, 'the file is refused; ignored', name);
  else if (plain === 'real') section.reals.push({ line: { value, place }, family: section.family });
  else readSetting(name, value, place, SECTION_SETTINGS, section.settings, diagnostics);
}

function readSetting(name: string, raw: string, place: Place, known: Readonly<Record<string, Setting>>, into: Map<string, SettingLine>, diagnostics: Diagnostics): void {
  const setting = Object.hasOwn(known, name) ? known[name]! : null;
  if (setting === null) {
    diagnostics.error(place, `unknown command "${name}"`, 'the file is refused; ignored', name, Object.keys(known));
    return;
  }
  // NB: compared with all that stands behind the equals sign, blanks at the end too (a comment leaves some).
  const exact = setting.kind === 'yes-no' || name === 'netmask';
  const behind = exact ? place.text?.replace(/\r$/, '').replace(/^\s.*/, (inside) => inside.replace(/#.*/, '')).replace(/^[^=]*=\s*/, '') ?? raw : raw;
  const value = setting.kind === 'server' ? raw : unquoted(behind);
  const complaint = complaintOf(name, value, setting);
  // NB: the first digits found are the number: "10s" is 10.
  const stored = setting.kind === 'number' ? /\d+/.exec(value)?.[0] ?? value : value;
  if (complaint === null) into.set(name, { value: stored, place });
  else diagnostics.error(place, complaint, 'the file is refused; ignored', value === '' ? name : value, setting.kind === 'one-of' ? setting.words : []);
}

function complaintOf(name: string, value: string, setting: Setting): string | null {
  switch (setting.kind) {
    case 'number': return Number(/\d+/.exec(value)?.[0] ?? Number.NaN) >= setting.least ? null : setting.complaint;
    case 'yes-no': return value === 'yes' || value === 'no' ? null : `${name} must be 'yes' or 'no'`;
    case 'one-of': return setting.words.includes(value) ? null : `${name} must be ${setting.words.slice(0, -1).join(', ')} or ${setting.words.at(-1)}`;
    default: return value === '' && name !== 'supervised' ? `${name} has no value` : null;
  }
}

function unquoted(value: string): string {
  return /^"(.*)"$/s.exec(value)?.[1] ?? value;
}

/** Mails go to whom the file, or else its first section that says so, names; without a mail server, to this host's. */
function finishGlobals(globals: ReadonlyMap<string, SettingLine>, sections: readonly Section[]): DesiredGlobals {
  const found = (name: string): string | null => [globals, ...sections.map(({ settings }) => settings)].map((settings) => settings.get(name)?.value ?? null).find((value) => value !== null) ?? null;
  const to = found('emailalert')?.split(/[\s,]+/).filter((one) => one !== '') ?? [];
  return {
    ...NO_GLOBALS, watchFileSec: globals.get('autoreload')?.value === 'yes' ? Number(globals.get('checkinterval')?.value ?? DEFAULT_INTERVAL_SEC) : 0,
    smtp: to.length === 0 ? null : { ...SMTP, server: found('smtp') ?? '127.0.0.1', from: found('emailalertfrom') ?? '', to },
  };
}
