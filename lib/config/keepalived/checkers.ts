/** The checkers of a real_server: their keywords and their own defaults (check_tcp.c, check_http.c, check_dns.c and so on). */
import type { CheckKind } from '../../model/health-check.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { readHostPart } from './addresses.ts';
import type { Keyword, KeywordTable } from './block-parser.ts';
import type { CheckerDefaults, CheckerDraft, ServerDraft, TrackFile } from './draft.ts';
import type { ConfigLine } from './line-source.ts';
import type { ScriptRules } from './scripts.ts';
import { timingKeywords } from './timing-keywords.ts';
import { commandWords } from './text.ts';
import { UINT32_MAX, type Values } from './values.ts';

export interface CheckerContext {
  readonly diagnostics: Diagnostics;
  readonly values: Values;
  readonly scripts: ScriptRules;
  readonly trackFiles: ReadonlyMap<string, TrackFile>;
  readonly bfdInstances: ReadonlyMap<string, unknown>;
  /** The server being read. */
  server(): ServerDraft | null;
}

const DNS_TYPES = ['A', 'NS', 'CNAME', 'SOA', 'MX', 'TXT', 'AAAA', 'RRSIG', 'DNSKEY'];
const HTTP_VERSIONS: Readonly<Record<string, '1.0' | '1.0C' | '1.1'>> = { '1.0': '1.0', '1.0C': '1.0C', '1.0c': '1.0C', '1.1': '1.1' };
const USER_AGENT = 'KeepAliveClient';
const MOST_MISC_TIMEOUT_SEC = 4294;
/** Sent when helo_name is missing. */
const DEFAULT_HELO = 'smtpchecker.keepalived.org';
const REGEX_OPTIONS = [
  'allow_empty_class', 'alt_bsux', 'auto_callout', 'caseless', 'dollar_endonly', 'dotall', 'dupnames', 'extended', 'firstline', 'match_unset_backref', 'multiline', 'never_ucp',
  'never_utf', 'no_auto_capture', 'no_auto_possess', 'no_dotstar_anchor', 'no_start_optimize', 'ucp', 'ungreedy', 'utf', 'never_backslash_c', 'alt_circumflex', 'alt_verbnames', 'use_offset_limit',
];

/** Two defaults: further failures that are forgiven, and the time between them. */
const DEFAULTS = {
  usual: { retries: 1, delayBeforeRetrySec: 1 },
  http: { retries: 1, delayBeforeRetrySec: 3 },
  dns: { retries: 3, delayBeforeRetrySec: 0 },
  misc: { retries: 0, delayBeforeRetrySec: 1 },
} as const satisfies Record<string, CheckerDefaults>;

export function checkerKeywords(context: CheckerContext): KeywordTable {
  const { diagnostics, values } = context;
  let checker: CheckerDraft = draft('', { place: { file: '', line: 0 }, words: [], text: '' }, DEFAULTS.usual, { kind: 'tcp' });

  /** What a host block of SMTP_CHECK sets aside. */
  let own: { readonly target: CheckerDraft['target']; readonly timeout: number | null } = { target: {}, timeout: null };

  const begin = (name: string, defaults: CheckerDefaults, kind: () => CheckKind) => (line: ConfigLine): void => {
    checker = draft(name, line, defaults, kind());
  };
  const finish = (): void => {
    if (!checker.dropped) context.server()?.checkers.push(checker);
  };
  const change = <K extends CheckKind['kind']>(kind: K, changes: Partial<Extract<CheckKind, { kind: K }>>): void => {
    if (checker.kind.kind === kind) checker.kind = { ...checker.kind, ...changes } as CheckKind;
  };
  const drop = (place: ConfigLine['place'], message: string, word: string | null = null, known: readonly string[] = []): void => {
    diagnostics.warn(place, message, 'the checker is left out', word, known);
    checker.dropped = true;
  };

  const timing = timingKeywords(() => checker, values, 0);
  const common: KeywordTable = { alpha: timing.alpha!, retry: timing.retry!, delay_before_retry: timing.delay_before_retry!, warmup: timing.warmup!, delay_loop: timing.delay_loop!, log_all_failures: { read: (line) => { values.flag(line); } } };
  const address = (line: ConfigLine, set: (address: string) => void): void => {
    const text = values.word(line);
    const read = text === null ? null : readHostPart(text);
    if (read !== null) set(read.address);
    else if (text !== null) diagnostics.warn(line.place, `${line.words[0]}: "${text}" is no address`, 'ignored', text);
  };
  const port = (line: ConfigLine, set: (port: number) => void): void => {
    const read = values.unsigned(line, 1, 1, 65_535);
    if (read !== null) set(read);
  };
  /** connect_ip and bindto are of one family: the later of the two gives way. */
  const sameFamily = (line: ConfigLine, found: string, other: string | undefined, set: (address: string) => void): void => {
    if (other === undefined || other.includes(':') === found.includes(':')) set(found);
    else diagnostics.warn(line.place, `${line.words[0]} ${found} is not of the address family of ${line.words[0] === 'bindto' ? 'connect_ip' : 'bindto'}`, 'ignored', found);
  };
  const connection: KeywordTable = {
    connect_ip: { read: (line) => address(line, (found) => sameFamily(line, found, checker.target.bindAddress, (one) => { checker.target.address = one; })) },
    connect_port: { read: (line) => port(line, (found) => { checker.target.port = found; }) },
    bindto: { read: (line) => address(line, (found) => sameFamily(line, found, checker.target.address ?? context.server()?.address, (one) => { checker.target.bindAddress = one; })) },
    bind_port: { read: (line) => port(line, (found) => { checker.target.bindPort = found; }) },
    bind_if: { read: (line) => { const name = values.word(line); if (name !== null) checker.target.bindInterface = name; } },
    fwmark: { read: (line) => { const mark = values.unsigned(line, 1, 0, UINT32_MAX); if (mark !== null) checker.target.fwmark = mark; } },
    connect_timeout: timing.connect_timeout!,
  };

  const url = (): CheckerDraft['urls'][number] => checker.urls.at(-1) ?? { path: '/' };
  const urlKeywords: KeywordTable = {
    path: { read: (line) => { const path = values.word(line); if (path !== null) url().path = path; } },
    digest: { read: (line) => {
      const digest = values.word(line);
      if (digest === null) return;
      if (digest.length !== 32) diagnostics.warn(line.place, `digest "${digest}" has ${digest.length} characters, not 32`, 'ignored', digest);
      else if (!/^[0-9a-f]{32}$/i.test(digest)) diagnostics.warn(line.place, `digest "${digest}" is not hexadecimal`, 'ignored', digest);
      else url().digest = digest.toLowerCase();
    } },
    status_code: { read: (line) => {
      if (values.word(line) === null) return;
      const ranges = line.words.slice(1).flatMap((word): [number, number][] => {
        const [, low, high] = /^(\d{3})(?:-(\d{3}))?$/.exec(word) ?? [];
        const range: [number, number] = [Number(low), Number(high ?? low)];
        if (low !== undefined && range[0] >= 100 && range[0] <= range[1] && range[1] <= 599) return [range];
        diagnostics.warn(line.place, `status_code "${word}" is no status or range of 100-599`, 'ignored', word);
        return [];
      });
      if (ranges.length > 0) url().statusCodes = [...(url().statusCodes ?? []), ...ranges];
    } },
    virtualhost: { read: (line) => { const host = values.optionalWord(line); if (host !== null) url().virtualHost = host; } },
    regex: { read: (line) => {
      const [, regex, ...more] = commandWords(line.text);
      if (regex !== undefined && more.length === 0) url().regex = regex;
      else diagnostics.warn(line.place, regex === undefined ? 'regex is missing its parameter' : 'regex has more than one parameter: put it in quotes', 'ignored', 'regex');
    } },
    regex_no_match: { read: () => { url().regexNegate = true; } },
    regex_options: { read: (line) => {
      const known = line.words.slice(1).filter((word) => {
        if (REGEX_OPTIONS.includes(word)) return true;
        diagnostics.note(line.place, `unknown regex option "${word}"`, 'ignored', word);
        return false;
      });
      url().regexOptions = [...(url().regexOptions ?? []), ...known];
    } },
    regex_stack: {},
    regex_min_offset: { read: (line) => { const offset = values.unsigned(line, 1, 0, UINT32_MAX); if (offset !== null) url().regexMinOffset = offset; } },
    regex_max_offset: { read: (line) => { const offset = values.unsigned(line, 1, 0, UINT32_MAX); if (offset !== null) url().regexMaxOffset = offset; } },
  };

  const http = (name: string, tls: boolean): Keyword => ({
    read: begin(name, DEFAULTS.http, () => ({ kind: 'http', tls, urls: [], version: '1.0', method: 'GET', sni: null, verify: false, fastRecovery: false, userAgent: USER_AGENT })),
    block: {
      ...connection, ...common,
      nb_get_retry: { read: (line) => {
        diagnostics.warn(line.place, 'nb_get_retry is the old name of retry', 'taken as retry', 'nb_get_retry');
        return timing.retry!.read!(line);
      } },
      virtualhost: { read: (line) => { const host = values.optionalWord(line); if (host !== null) checker.virtualHost = host; } },
      http_protocol: { read: (line) => {
        const word = values.optionalWord(line);
        if (word === null) return;
        const version = Object.hasOwn(HTTP_VERSIONS, word) ? HTTP_VERSIONS[word]! : null;
        if (version === null) diagnostics.warn(line.place, `http_protocol "${word}" is not 1.0, 1.0C or 1.1`, 'ignored', word);
        else change('http', { version });
      } },
      fast_recovery: { read: (line) => { const on = values.flag(line); if (on !== null) change('http', { fastRecovery: on }); } },
      ...(tls ? { enable_sni: { read: (line: ConfigLine) => { const on = values.flag(line); if (on !== null) checker.sni = on; } } } : {}),
      url: {
        read: () => { checker.urls.push({ path: '' }); },
        block: urlKeywords,
        close: (_line, end) => {
          if (url().path !== '' || checker.urls.length === 0) return;
          diagnostics.warn(end, 'url without a path', 'the url is left out', 'url');
          checker.urls.pop();
        },
      },
    },
    close: (_line, end) => {
      if (checker.urls.length === 0) drop(end, `${name} has no url`, name);
      finish();
    },
  });

  const blocks: Record<string, Keyword> = {
    TCP_CHECK: { read: begin('TCP_CHECK', DEFAULTS.usual, () => ({ kind: 'tcp' })), block: { ...connection, ...common }, close: finish },
    HTTP_GET: http('HTTP_GET', false),
    SSL_GET: http('SSL_GET', true),
    SMTP_CHECK: {
      read: begin('SMTP_CHECK', DEFAULTS.usual, () => ({ kind: 'smtp', helo: DEFAULT_HELO })),
      block: {
        ...connection, ...common,
        helo_name: { read: (line) => { const helo = values.optionalWord(line); if (helo !== null) change('smtp', { helo }); } },
        host: {
          read: () => {
            own = { target: checker.target, timeout: checker.connectTimeoutSec };
            checker.target = {};
            checker.connectTimeoutSec = null;
          },
          block: connection,
          close: () => {
            checker.hosts.push(checker.target);
            checker.hostTimeouts.push(checker.connectTimeoutSec);
            checker.target = own.target;
            checker.connectTimeoutSec = own.timeout;
          },
        },
      },
      close: finish,
    },
    DNS_CHECK: {
      read: begin('DNS_CHECK', DEFAULTS.dns, () => ({ kind: 'dns', name: '', type: 'SOA' })),
      block: {
        ...connection, ...common,
        type: { read: (line) => {
          const type = values.word(line);
          if (type === null) return;
          const known = DNS_TYPES.find((one) => one.toLowerCase() === type.toLowerCase());
          if (known === undefined) diagnostics.warn(line.place, `unknown DNS type "${type}"`, 'ignored', type, DNS_TYPES);
          else change('dns', { type: known });
        } },
        name: { read: (line) => {
          const name = values.word(line);
          if (name === null) return;
          if (/^\..|\.\./.test(name)) diagnostics.warn(line.place, `name "${name}" has an empty label`, 'ignored', name);
          else if (checker.kind.kind === 'dns' && checker.kind.name !== '') diagnostics.warn(line.place, 'name stands there twice', 'the second one is ignored', 'name');
          else change('dns', { name });
        } },
      },
      close: finish,
    },
    MISC_CHECK: {
      read: begin('MISC_CHECK', DEFAULTS.misc, () => ({ kind: 'exec', command: '', dynamicWeight: false })),
      block: {
        ...common,
        misc_path: { read: (line) => {
          // Without a command the checker says so at its end.
          const script = line.words.length < 2 ? null : values.script(line);
          if (script !== null) change('exec', { command: script.command });
        } },
        misc_timeout: { read: (line) => { const seconds = values.unsigned(line, 1, 0, MOST_MISC_TIMEOUT_SEC); if (seconds !== null) checker.miscTimeoutSec = seconds === 0 ? null : seconds; } },
        misc_dynamic: { read: () => change('exec', { dynamicWeight: true }) },
        user: { read: (line) => {
          const user = values.optionalWord(line);
          if (user === null) return;
          if (context.scripts.usable(user)) change('exec', { user });
          else drop(line.place, `no user "${user}" for the script`, user);
        } },
      },
      close: (_line, end) => {
        if (checker.dropped || checker.kind.kind !== 'exec') return;
        checker.missing = checker.kind.command !== '' && context.scripts.missing(checker.kind.command);
        if (checker.kind.command === '') drop(end, 'MISC_CHECK without misc_path', 'MISC_CHECK');
        else if (checker.kind.user === undefined && !context.scripts.defaultUsable()) drop(end, `no user to run "${checker.kind.command}" as: script_user is not known here`);
        else if (checker.missing) diagnostics.warn(end, `no program "${checker.kind.command}" to run`, 'the checker is left out; with alpha its server stays down', 'MISC_CHECK');
        finish();
      },
    },
    UDP_CHECK: {
      read: begin('UDP_CHECK', DEFAULTS.usual, () => ({ kind: 'udp', payload: '', requireReply: false, minLength: 0, maxLength: 255 })),
      block: {
        ...connection, ...common,
        payload: { read: (line) => {
          if (values.optionalWord(line) === null) return;
          const payload = readHex(line.words.slice(1).join(' '), false);
          if (payload !== null) change('udp', { payload: payload.octets });
          else diagnostics.warn(line.place, `payload "${line.words.slice(1).join(' ')}" is not made of hexadecimal octets`, 'ignored', line.words[1]!);
        } },
        require_reply: { read: (line) => {
          change('udp', { requireReply: true });
          if (line.words.length < 2) return;
          const reply = readHex(line.words.slice(1).join(' '), true);
          if (reply !== null) change('udp', { reply: reply.octets, replyMask: reply.mask });
          else diagnostics.warn(line.place, `require_reply "${line.words.slice(1).join(' ')}" is not made of hexadecimal octets and X`, 'any reply counts', line.words[1]!);
        } },
        min_reply_length: { read: (line) => { const length = values.unsigned(line, 1, 0, 65_535, { lenient: false }); if (length !== null) change('udp', { minLength: length }); } },
        max_reply_length: { read: (line) => { const length = values.unsigned(line, 1, 0, 65_535, { lenient: false }); if (length !== null) change('udp', { maxLength: length }); } },
      },
      close: finish,
    },
    PING_CHECK: { read: begin('PING_CHECK', DEFAULTS.usual, () => ({ kind: 'ping' })), block: { ...connection, ...common }, close: finish },
    FILE_CHECK: {
      read: (line) => { begin('FILE_CHECK', DEFAULTS.misc, () => ({ kind: 'file', path: '', weight: 0, reverse: false, dynamic: true }))(line); checker.passive = true; },
      block: {
        track_file: { read: (line) => {
          const name = values.word(line);
          if (name === null) return;
          if (context.trackFiles.get(name)?.path != null) checker.trackFile = name;
          else diagnostics.warn(line.place, `no track_file "${name}"`, 'ignored', name, [...context.trackFiles.keys()]);
        } },
        weight: { read: (line) => {
          const weight = values.optionalWord(line) === null ? null : values.integer(line, 1, -2_147_483_647, 2_147_483_647);
          if (weight === null) return;
          const [, , sense] = line.words;
          if (sense !== undefined && sense !== 'reverse' && sense !== 'noreverse') {
            diagnostics.warn(line.place, `unknown word "${sense}" after weight`, 'the weight is ignored', sense, ['reverse', 'noreverse']);
            return;
          }
          checker.weight = weight;
          checker.reverse = sense === 'reverse';
        } },
        log_all_failures: {},
      },
      close: (_line, end) => {
        if (checker.trackFile === null) drop(end, 'FILE_CHECK without a track_file', 'FILE_CHECK');
        finish();
      },
    },
    BFD_CHECK: {
      read: (line) => { begin('BFD_CHECK', DEFAULTS.misc, () => ({ kind: 'fixed', up: true }))(line); checker.passive = true; },
      block: {
        name: { read: (line) => {
          const name = values.word(line);
          if (name === null) checker.dropped = true;
          else if (!context.bfdInstances.has(name)) drop(line.place, `no bfd_instance "${name}" above`, name, [...context.bfdInstances.keys()]);
          else if (context.server()?.checkers.some(({ bfd }) => bfd === name) === true) drop(line.place, `BFD_CHECK of ${name} stands there twice`, name);
          else checker.bfd = name;
        } },
        alpha: timing.alpha!, log_all_failures: {},
      },
      close: (line, end) => {
        if (!checker.dropped && checker.bfd === null) drop(end, 'BFD_CHECK without a name', 'BFD_CHECK');
        if (!checker.dropped) diagnostics.note(line.place, 'BFD sessions are not kept', 'the server is out at the start, as with keepalived until its session is up; then the checker counts as up', 'BFD_CHECK');
        finish();
      },
    },
  };
  return blocks;
}

function draft(name: string, { place }: ConfigLine, defaults: CheckerDefaults, kind: CheckKind): CheckerDraft {
  return {
    alpha: null, connectTimeoutSec: null, retries: null, delayBeforeRetrySec: null, warmupSec: null, delayLoopSec: null, name, place, defaults, kind, target: {}, urls: [], dropped: false, miscTimeoutSec: null, trackFile: null, bfd: null, weight: null, reverse: false, hosts: [], hostTimeouts: [], passive: false, virtualHost: null, sni: false, missing: false,
  };
}

/**
 * Octets as one or two hexadecimal digits, X for any nibble; the mask has 0 where anything goes. Null where keepalived finds nothing in it.
 * NB: it takes an end of ff for a mistake, too.
 */
function readHex(text: string, wildcards: boolean): { readonly octets: string; readonly mask: string } | null {
  const octets = text.split(/[ \t]+/).filter((word) => word !== '').flatMap((word) => word.match(/..?/gs) ?? []).map((octet) => octet.padStart(2, '0'));
  const form = wildcards ? /^[0-9a-fx]{2}$/i : /^[0-9a-f]{2}$/i;
  if (octets.length === 0 || !octets.every((octet) => form.test(octet)) || /^ff$/i.test(octets.at(-1)!)) return null;
  const joined = octets.join('');
  return { octets: joined.replace(/x/gi, '0'), mask: joined.replace(/[0-9a-f]/gi, 'f').replace(/x/gi, '0') };
}
