/** global_defs: what matters to services is read, the rest is known by name. */
import type { DesiredGlobals, Script } from '../../model/desired-configuration.ts';
import type { Diagnostics } from '../diagnostics.ts';
import type { Keyword, KeywordTable } from './block-parser.ts';
import type { ConfigLine, LineSource } from './line-source.ts';
import type { ScriptRules } from './scripts.ts';
import { UINT32_MAX, type Values } from './values.ts';
import { GLOBAL_WORDS } from './words.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const MOST_TIMEOUT_SEC = 2_678_400;
const SMTP_PORT = 25;
const FOLDED_FROM = 1000;
const DEFAULT_SMTP_TIMEOUT_SEC = 30;

export interface GlobalDraft extends Writable<Omit<DesiredGlobals, 'smtp' | 'timeouts' | 'syncDaemon'>> {
  timeouts: Writable<DesiredGlobals['timeouts']>;
  syncDaemon: DesiredGlobals['syncDaemon'];
  smtpAlert: boolean | null;
  nftablesIpvs: boolean;
  /** First mark of nftables_ipvs. */
  foldedFrom: number;
  vrrpStrict: boolean;
  vrrpVersion: number;
  smtpServer: { readonly server: string; readonly port: number } | null;
  smtpFrom: string;
  smtpTo: string[];
  smtpHelo: string;
  smtpTimeoutSec: number;
  routerId: string;
}

export function emptyGlobals(): GlobalDraft {
  return {
    timeouts: { tcp: 0, tcpFin: 0, udp: 0 }, syncDaemon: null, flush: false, flushOnStop: false, fifo: null, fifoScript: null, webhook: null, rsInitNotifies: false, watchFileSec: 0, smtpAlert: null, nftablesIpvs: false, foldedFrom: FOLDED_FROM, vrrpStrict: false,
    vrrpVersion: 2, smtpServer: null, smtpFrom: '', smtpTo: [], smtpHelo: '', smtpTimeoutSec: DEFAULT_SMTP_TIMEOUT_SEC, routerId: '',
  };
}

export function finishGlobals(draft: GlobalDraft): DesiredGlobals {
  const { timeouts, syncDaemon, flush, flushOnStop, fifo, fifoScript, webhook, rsInitNotifies, watchFileSec } = draft;
  const smtp = draft.smtpServer === null ? null : { ...draft.smtpServer, from: draft.smtpFrom, to: draft.smtpTo, helo: draft.smtpHelo, timeoutSec: draft.smtpTimeoutSec, router: draft.routerId };
  return { timeouts, syncDaemon, flush, flushOnStop, fifo, fifoScript, webhook, smtp, rsInitNotifies, watchFileSec };
}

export function globalKeyword(globals: GlobalDraft, scripts: ScriptRules, source: LineSource, values: Values, diagnostics: Diagnostics): Keyword {
  const script = (set: (script: Script) => void): Keyword => ({ read: (line) => { const found = values.script(line); if (found !== null) set(found); } });
  const word = (set: (word: string) => void): Keyword => ({ read: (line) => { const found = values.word(line); if (found !== null) set(found); } });
  const flag = (set: (on: boolean) => void): Keyword => ({ read: (line) => { const on = values.flag(line); if (on !== null) set(on); } });
  const fifo = word((path) => { globals.fifo = path; });
  const fifoScript = script((found) => { globals.fifoScript = found; });
  const block: KeywordTable = {
    ...Object.fromEntries(GLOBAL_WORDS.map((name) => [name, {}])),
    include_check: { read: (line) => { if (!source.insist(line.words.slice(1))) diagnostics.warn(line.place, `include_check "${line.words.slice(1).join(' ')}" has an unknown word`, 'ignored', line.words[1]!); } },
    random_seed: { read: (line) => { const seed = values.unsigned(line, 1, 0, UINT32_MAX); if (seed !== null) source.seed(seed); } },
    notification_email: { items: (_line, items) => { globals.smtpTo.push(...items.flatMap(({ line }) => line.words)); } },
    router_id: word((name) => { globals.routerId = name; }),
    notification_email_from: word((from) => { globals.smtpFrom = from; }),
    smtp_server: { read: (line) => {
      const server = values.word(line);
      const port = line.words[2] === undefined ? SMTP_PORT : /^\d{1,5}$/.test(line.words[2]) ? Number(line.words[2]) : null;
      if (server !== null && port !== null && /^[\w.:-]+$/.test(server)) globals.smtpServer = { server, port };
      else if (server !== null) diagnostics.warn(line.place, `invalid smtp server "${line.words.slice(1).join(' ')}"`, 'no mail is sent', server);
    } },
    smtp_helo_name: word((helo) => { globals.smtpHelo = helo; }),
    smtp_connect_timeout: { read: (line) => { const seconds = values.seconds(line, 1, 0.000001); if (seconds !== null) globals.smtpTimeoutSec = seconds; } },
    smtp_alert: flag((on) => { globals.smtpAlert ??= on; }),
    smtp_alert_checker: flag((on) => { globals.smtpAlert = on; }),
    script_user: { read: (line) => {
      const user = values.word(line);
      if (user === null) return;
      scripts.user = scripts.usable(user, line.words[2]) ? user : null;
      if (scripts.user === null) diagnostics.warn(line.place, `no user "${user}"${line.words[2] === undefined ? '' : ` or group "${line.words[2]}"`}`, 'scripts without a user of their own are left out', user);
    } },
    enable_script_security: { read: () => { scripts.security = true; } },
    lvs_timeouts: { read: (line) => readTimeouts(line, globals, values, diagnostics) },
    lvs_sync_daemon: { read: (line) => readSyncDaemon(line, globals, values, diagnostics) },
    lvs_flush: { read: () => { globals.flush = true; } },
    lvs_flush_on_stop: { read: (line) => {
      const what = line.words[1];
      if (what !== undefined && what !== 'VS') diagnostics.warn(line.place, `unknown lvs_flush_on_stop type "${what}"`, 'ignored', what, ['VS']);
      else globals.flushOnStop = true;
    } },
    ...Object.fromEntries(['bfd_priority', 'checker_priority', 'vrrp_priority'].map((name) => [name, { read: (line: ConfigLine) => { values.integer(line, 1, -20, 19); } }])),
    nftables_ipvs_start_fwmark: { read: (line) => { const mark = values.unsigned(line, 1, 1, UINT32_MAX); if (mark !== null) globals.foldedFrom = mark; } },
    notify_fifo: fifo, lvs_notify_fifo: fifo, notify_fifo_script: fifoScript, lvs_notify_fifo_script: fifoScript,
    rs_init_notifies: { read: () => { globals.rsInitNotifies = true; } },
    nftables_ipvs: { read: (line) => {
      globals.nftablesIpvs = true;
      diagnostics.note(line.place, 'nftables_ipvs folds a group into one firewall mark', 'here each address of a group is a service of its own; convert shows the mark', 'nftables_ipvs');
    } },
    vrrp_strict: { read: () => { globals.vrrpStrict = true; } },
    vrrp_version: { read: (line) => { const version = values.unsigned(line, 1, 2, 3); if (version !== null) globals.vrrpVersion = version; } },
    linkbeat_interfaces: { items: () => {} },
  };
  return { block };
}

function readTimeouts(line: ConfigLine, globals: GlobalDraft, values: Values, diagnostics: Diagnostics): void {
  const fields: Readonly<Record<string, 'tcp' | 'tcpFin' | 'udp'>> = { tcp: 'tcp', tcpfin: 'tcpFin', udp: 'udp' };
  if (line.words.length < 2) diagnostics.warn(line.place, 'lvs_timeouts without any timeout', 'ignored', 'lvs_timeouts');
  for (let n = 1; n < line.words.length; n++) {
    const name = line.words[n]!;
    const field = Object.hasOwn(fields, name) ? fields[name]! : null;
    if (field === null) diagnostics.warn(line.place, `unknown timeout "${name}"`, 'ignored', name, Object.keys(fields));
    else if (line.words[n + 1] === undefined) diagnostics.warn(line.place, `lvs_timeouts: no time behind ${name}`, 'ignored', name);
    else {
      const seconds = values.unsigned(line, ++n, 0, MOST_TIMEOUT_SEC, { lenient: false });
      if (seconds !== null) globals.timeouts[field] = seconds;
    }
  }
}

function readSyncDaemon(line: ConfigLine, globals: GlobalDraft, values: Values, diagnostics: Diagnostics): void {
  if (globals.syncDaemon !== null) {
    diagnostics.warn(line.place, `lvs_sync_daemon stands there twice, first for ${globals.syncDaemon.interface}`, 'the second one is ignored', 'lvs_sync_daemon');
    return;
  }
  const name = line.words[1];
  if (name === undefined) {
    diagnostics.warn(line.place, 'lvs_sync_daemon needs an interface', 'ignored', 'lvs_sync_daemon');
    return;
  }
  const daemon = { interface: name, syncId: 0, maxLength: 0, port: 0, ttl: 0, group: '' };
  const numbers: Readonly<Record<string, readonly ['syncId' | 'maxLength' | 'port' | 'ttl', number, number]>> = { id: ['syncId', 0, 255], maxlen: ['maxLength', 1, 65_507], port: ['port', 1, 65_535], ttl: ['ttl', 1, 255] };
  for (let n = 2; n < line.words.length; n += 2) {
    const word = line.words[n]!;
    if (Object.hasOwn(numbers, word)) {
      const [field, least, most] = numbers[word]!;
      const value = values.unsigned(line, n + 1, least, most);
      if (value !== null) daemon[field] = value;
    } else if (word === 'group') daemon.group = line.words[n + 1] ?? '';
    // "inst NAME", or the instance's name alone: synchronisation that follows a VRRP instance.
    else if (word !== 'inst') {
      if (n > 2) diagnostics.warn(line.place, `unknown option "${word}" of lvs_sync_daemon`, 'ignored', word, [...Object.keys(numbers), 'group', 'inst']);
      n -= 1;
    }
  }
  globals.syncDaemon = daemon;
}
