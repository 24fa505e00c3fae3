/**
 * The settings of ldirectord.cf and what each takes (ldirectord 4.12). Three things differ from one to the next: whether the value must stand in double
 * quotes (without them ldirectord does not know the command), how much of the value counts (the first digits, the first word,
 * all of it to the last blank), and what is refused.
 */

/** A value as it is kept, or why it is refused. */
export type Reading = { readonly value: string } | { readonly complaint: string; readonly known?: readonly string[] };

export interface Setting {
  /** quoted: only in double quotes. either: quotes are taken off. plain: quotes are part of the value. */
  readonly quotes: 'quoted' | 'either' | 'plain';
  /** `text` is all that stands behind the equals sign and the blanks after it. */
  readonly read: (text: string) => Reading;
  /** Said about any use. */
  readonly deprecated?: string;
}

export const SERVICE_NAMES = [
  'dns', 'ftp', 'http', 'https', 'http_proxy', 'imap', 'imaps', 'ldap', 'ldaps', 'mysql', 'nntp', 'none', 'oracle', 'pop', 'pops', 'radius', 'pgsql', 'simpletcp', 'sip', 'smtp', 'submission',
] as const;

/** Service of a port when `service` is missing. */
export const PORT_SERVICES: Readonly<Record<number, string>> = {
  21: 'ftp', 25: 'smtp', 53: 'dns', 80: 'http', 110: 'pop', 119: 'nntp', 143: 'imap', 389: 'ldap', 443: 'https', 587: 'submission', 636: 'ldaps', 993: 'imaps', 995: 'pops', 1521: 'oracle', 1812: 'radius',
  3128: 'http_proxy', 3306: 'mysql', 5060: 'sip', 5432: 'pgsql',
};

const CHECK_TYPES = ['connect', 'negotiate', 'on', 'off', 'ping', 'external', 'external-perl'];
const DAEMON_STATES = ['none', 'all', 'starting', 'running', 'stopping', 'reloading'];

const anything: Setting = { quotes: 'plain', read: (value) => ({ value }) };
const some = (complaint: string, quotes: Setting['quotes'] = 'plain'): Setting => ({ quotes, read: (value) => (value === '' ? { complaint } : { value }) });
/** NB: the first digits found are the number: "10s" is 10, "-2" is 2. */
const digits = (complaint: string, least: number): Setting => ({
  quotes: 'plain',
  read: (text) => {
    const found = /\d+/.exec(text)?.[0];
    return found === undefined || Number(found) < least ? { complaint } : { value: found };
  },
});
/** NB: compared to the last blank, one before a comment too. */
const yesNo = (name: string): Setting => ({ quotes: 'plain', read: (value) => (value === 'yes' || value === 'no' ? { value } : { complaint: `${name} must be 'yes' or 'no'`, known: ['yes', 'no'] }) });
/** The first run of word characters counts, whatever stands around it. */
const firstWord = (known: readonly string[], complaint: string, fold: (word: string) => string = (word) => word): Setting => ({
  quotes: 'plain',
  read: (text) => {
    const word = fold(/\w+/.exec(text)?.[0] ?? '');
    return known.includes(word) ? { value: word } : { complaint, known };
  },
});

const emailStates: Setting = {
  quotes: 'plain',
  read: (text) => {
    const states = text.split(/\s*,\s*/).filter((one) => one !== '');
    const bad = states.find((one) => !DAEMON_STATES.includes(one));
    if (bad !== undefined) return { complaint: `invalid email alert status at: "${bad}"`, known: DAEMON_STATES };
    return states.includes('none') && states.some((one) => one !== 'none') ? { complaint: 'invalid email alert status: "none" goes with no other' } : { value: text };
  },
};

const checkType: Setting = {
  quotes: 'plain',
  read: (text) => {
    // NB: a number anywhere: so many connects, then one negotiation.
    const number = /\d+/.exec(text)?.[0];
    if (number !== undefined) return { value: number };
    const word = /[A-Za-z0-9_-]+/.exec(text)?.[0] ?? '';
    if (CHECK_TYPES.includes(word)) return { value: word };
    return { complaint: 'checktype must be "connect", "negotiate", "on", "off", "ping", "external", "external-perl" or a positive number', known: CHECK_TYPES };
  },
};

const scheduler: Setting = {
  quotes: 'plain',
  read: (text) => {
    const word = /[a-z]+/.exec(text)?.[0];
    return word === undefined ? { complaint: 'invalid scheduler, should be only lowercase letters (a-z)' } : { value: word };
  },
};

const checkPort: Setting = {
  quotes: 'plain',
  read: (text) => {
    const found = /\d+/.exec(text)?.[0];
    if (found === undefined) return { complaint: 'invalid port' };
    return Number(found) > 0 && Number(found) < 65_536 ? { value: found } : { complaint: 'checkport must be in range 1..65536' };
  },
};

const smtp: Setting = { quotes: 'plain', read: (text) => (/^[0-9A-Za-z._+-]/.test(text) ? { value: /^[0-9A-Za-z._+-]+/.exec(text)![0] } : { complaint: 'invalid SMTP server address' }) };
const emailAlert: Setting = { quotes: 'plain', read: (text) => (text.replace(/^"([^"]*)"$/, '$1') === '' ? { complaint: 'no email address specified' } : { value: text.replace(/^"([^"]*)"$/, '$1') }) };
const emailFrequency: Setting = { quotes: 'plain', read: (text) => (/^\d/.test(text) ? { value: /^\d+/.exec(text)![0] } : { complaint: 'invalid email alert frequency' }) };
const gone = (complaint: string): Setting => ({ quotes: 'plain', read: () => ({ complaint }) });

/** NB: compared to the last blank. */
export const NETMASKS: Readonly<Record<4 | 6, Setting>> = {
  4: { quotes: 'plain', read: (value) => (/^\d+\.\d+\.\d+\.\d+$/.test(value) ? { value } : { complaint: 'invalid netmask: dotted quad notation is required' }) },
  6: { quotes: 'plain', read: (value) => (/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 128 ? { value: String(Number(value)) } : { complaint: 'invalid netmask: a prefix length between 1 and 128 is required' }) },
};

/** Global and in a section. */
const SHARED: Readonly<Record<string, Setting>> = {
  checktimeout: digits('invalid check timeout value', 1), negotiatetimeout: digits('invalid negotiate timeout value', 1), checkinterval: digits('invalid check interval value', 1),
  checkcount: { ...digits('invalid check count value', 1), deprecated: "checkcount is deprecated, see 'failurecount'" }, failurecount: digits('invalid failure count value', 1),
  fallback: anything, fallback6: anything, fallbackcommand: some('invalid fallback command', 'either'), emailalert: emailAlert, emailalertfreq: emailFrequency, emailalertstatus: emailStates, smtp,
  quiescent: yesNo('quiescent'), cleanstop: yesNo('cleanstop'), connecttimeout: gone('connecttimeout is gone: it is negotiatetimeout'),
};

export const GLOBAL_SETTINGS: Readonly<Record<string, Setting>> = {
  ...SHARED, autoreload: yesNo('autoreload'), callback: { ...anything, quotes: 'quoted' }, logfile: { ...anything, quotes: 'quoted' }, emailalertfrom: some('no email from address specified'), execute: anything, supervised: yesNo('supervised'),
  fork: yesNo('fork'), readdquiescent: yesNo('readdquiescent'), maintenancedir: some('maintenance directory not specified'), timeout: gone('timeout is gone: it is checktimeout and negotiatetimeout'),
};

export const SECTION_SETTINGS: Readonly<Record<string, Setting>> = {
  ...SHARED, real: anything, real6: anything, checktype: checkType, checkcommand: some('invalid check command', 'either'), checkport: checkPort,
  service: firstWord(SERVICE_NAMES, `service must be ${SERVICE_NAMES.slice(0, -1).join(', ')} or ${SERVICE_NAMES.at(-1)}`),
  httpmethod: firstWord(['GET', 'HEAD'], 'httpmethod must be GET or HEAD', (word) => word.toUpperCase()), virtualhost: { quotes: 'plain', read: (text) => ({ value: /"?([^"]*)/.exec(text)![1]! }) },
  login: some('invalid login string', 'quoted'), passwd: some('invalid password', 'quoted'), database: some('invalid database', 'quoted'), secret: some('invalid secret', 'quoted'), load: some('invalid string for load testing', 'quoted'),
  request: some('no request string specified', 'quoted'), receive: some('invalid receive string', 'quoted'), scheduler, persistent: digits('invalid persistent timeout', 0),
  protocol: { quotes: 'plain', read: (text) => (/\w/.test(text) ? { value: /\w+/.exec(text)![0] } : { complaint: 'invalid protocol' }) },
  schedflags: { quotes: 'plain', read: (text) => (/\S/.test(text) ? { value: /\S+/.exec(text)![0] } : { complaint: 'invalid sched-flags' }) }, ops: yesNo('ops'), servicename: anything, comment: anything, monitorfile: { ...anything, quotes: 'either' },
};
