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
import { finishSection, type ReadSection } from './finish-section.ts';
import { GLOBAL_SETTINGS, NETMASKS, SECTION_SETTINGS, type Setting } from './options.ts';
import { withStart } from './start.ts';

export interface SettingLine { readonly value: string; readonly place: Place }

export interface Section {
  readonly virtual: SettingLine;
  readonly family: 4 | 6;
  readonly settings: Map<string, SettingLine>;
  readonly reals: SettingLine[];
  /** Where it ends: ldirectord finds there that it has read the service before. */
  end: Place;
}

const REFUSED = 'the file is refused';
const DEFAULT_INTERVAL_SEC = 10;
const SMTP = { port: 25, helo: '', timeoutSec: 30, router: '' };

export function readLdirectord(path: string, host: ConfigHost): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const text = host.readFile(path);
  if (text === null) diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');
  const { sections, globals } = readLines(path, text ?? '', diagnostics);
  const read = sections.map((section) => finishSection(section, globals, host, diagnostics)).filter((one) => one !== null);
  const seen = new Set<string>();
  const single = read.filter(({ id, section }) => {
    const key = serviceKey(id);
    const again = seen.has(key);
    if (again) diagnostics.error(section.end, `duplicate virtual server: ${section.virtual.value} is line ${section.virtual.place.line} again`, `${REFUSED}; the first one counts`);
    seen.add(key);
    return !again;
  });
  if (globals.get('fork')?.value !== 'yes') {
    for (const { section } of single) {
      const own = section.settings.get('checkinterval');
      if (own !== undefined) diagnostics.warn(own.place, 'checkinterval of a service counts only with fork=yes', 'the file\'s checkinterval counts', 'checkinterval');
    }
  }
  const kept = [...globals].map(([name, { value, place }]) => ({ name, file: place.file, line: place.line, body: value }));
  return {
    format: 'ldirectord', files: text === null ? [] : [path], services: withStart(single.filter(isInstalled)), globals: finishGlobals(globals, sections), diagnostics: diagnostics.list.toSorted((a, b) => a.line - b.line), kept,
  };
}

function isInstalled({ refused }: ReadSection): boolean {
  return !refused;
}

function readLines(path: string, text: string, diagnostics: Diagnostics): { readonly sections: Section[]; readonly globals: Map<string, SettingLine> } {
  const globals = new Map<string, SettingLine>();
  const sections: Section[] = [];
  let section: Section | null = null;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) {
    const place: Place = { file: path, line: index + 1, text: line };
    if (/^[ \t\r\f\v]*#/.test(line)) continue;
    // A tab counts for four blanks, and a line of more blanks than four is a command that nobody knows.
    const inside = section === null ? null : /^ {4,}(.+)/s.exec(line.replace(/#.*/s, '').replaceAll('\t', '    '));
    if (inside !== null) {
      section!.end = place;
      readInside(inside[1]!, place, section!, diagnostics);
      continue;
    }
    if (section !== null) section.end = place;
    section = null;
    const virtual = /^virtual(6)?[ \t\r\f\v]*=[ \t\r\f\v]*(.*)/s.exec(line);
    if (virtual !== null) {
      section = { virtual: { value: virtual[2]!, place }, family: virtual[1] === undefined ? 4 : 6, settings: new Map(), reals: [], end: place };
      sections.push(section);
    } else if (!/^[ \t\r\f\v]*$/.test(line)) readGlobal(line, place, globals, diagnostics);
  }
  // NB: ldirectord reads a virtual line that is the last one twice.
  if (section !== null && section.end === section.virtual.place && section.virtual.place.line === lines.length) {
    diagnostics.error(section.virtual.place, 'duplicate virtual server: ldirectord takes a virtual line that ends the file for two', REFUSED, 'virtual');
  }
  return { sections, globals };
}

function readInside(command: string, place: Place, section: Section, diagnostics: Diagnostics): void {
  const { name, value } = nameAndValue(command);
  const plain = name.replace(/6$/, '');
  const own = section.family === 6 ? `${plain}6` : plain;
  if (value !== null && (plain === 'real' || plain === 'fallback')) {
    if (name !== own) diagnostics.error(place, `"${name}" cannot stand here: it is "${own}" for an IPv${section.family} service`, `${REFUSED}; ignored`, name);
    else if (plain === 'real') section.reals.push({ value, place });
    else section.settings.set(name, { value, place });
  } else readSetting(name, value, place, { ...SECTION_SETTINGS, netmask: NETMASKS[section.family] }, section.settings, diagnostics);
}

function readGlobal(line: string, place: Place, globals: Map<string, SettingLine>, diagnostics: Diagnostics): void {
  const { name, value } = nameAndValue(line);
  if (/^supervised[ \t\r\f\v]*$/.test(line)) {
    diagnostics.warn(place, 'a bare supervised', 'taken as supervised=yes', 'supervised');
    globals.set('supervised', { value: 'yes', place });
  } else if (/^[ \t]/.test(line)) {
    diagnostics.error(place, `"${name}" stands in no section: virtual= begins one, lines of it begin with a tab or four blanks, and a blank line ends it`, `${REFUSED}; ignored`, name);
  } else readSetting(name, value, place, GLOBAL_SETTINGS, globals, diagnostics);
}

function readSetting(name: string, raw: string | null, place: Place, known: Readonly<Record<string, Setting>>, into: Map<string, SettingLine>, diagnostics: Diagnostics): void {
  const setting = raw !== null && Object.hasOwn(known, name) ? known[name]! : null;
  const refuse = (message: string, word: string, words: readonly string[] = []): void => diagnostics.error(place, message, `${REFUSED}; ignored`, word, words);
  if (raw === null || setting === null) return refuse(raw === null ? `not a "name = value" line: "${place.text!.trim().slice(0, 80)}"` : `unknown command "${name}"`, name, Object.keys(known));
  const inQuotes = /^"(.*)"/s.exec(raw)?.[1] ?? null;
  if (setting.quotes === 'quoted' && inQuotes === null) return refuse(`${name} needs its value in double quotes`, name);
  const reading = setting.read(setting.quotes === 'plain' ? raw : inQuotes ?? raw);
  if ('complaint' in reading) return refuse(`${reading.complaint}${/\r$/.test(raw) ? ' (the line ends with a carriage return)' : ''}`, raw.trim() === '' ? name : raw.trim(), reading.known);
  if (setting.deprecated !== undefined) diagnostics.warn(place, setting.deprecated, 'it counts for pings only', name);
  into.set(name, { value: reading.value, place });
}

/** Null: there is no equals sign behind the name. */
function nameAndValue(text: string): { readonly name: string; readonly value: string | null } {
  const [, name, value] = /^([^\s=]*)[ \t\r\f\v]*=[ \t\r\f\v]*(.*)$/s.exec(text) ?? [];
  return name === undefined ? { name: text.trim().split(/\s/)[0]!, value: null } : { name, value: value! };
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
