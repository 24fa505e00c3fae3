/** The settings of ldirectord.cf, what they may be and what they are when nothing is said (ldirectord 4.12). */

export type Setting =
  | { readonly kind: 'text' }
  | { readonly kind: 'number'; readonly least: number; readonly complaint: string }
  | { readonly kind: 'yes-no' }
  | { readonly kind: 'one-of'; readonly words: readonly string[] }
  /** Anything is taken; the program that reads it decides. */
  | { readonly kind: 'server' };

const TEXT: Setting = { kind: 'text' };
const YES_NO: Setting = { kind: 'yes-no' };
const positive = (complaint: string): Setting => ({ kind: 'number', least: 1, complaint });

export const SERVICE_NAMES = [
  'dns', 'ftp', 'http', 'https', 'http_proxy', 'imap', 'imaps', 'ldap', 'ldaps', 'mysql', 'nntp', 'none', 'oracle', 'pop', 'pops', 'radius', 'pgsql', 'simpletcp', 'sip', 'smtp', 'submission',
] as const;

/** Service of a port when `service` is missing. */
export const PORT_SERVICES: Readonly<Record<number, string>> = {
  21: 'ftp', 25: 'smtp', 53: 'dns', 80: 'http', 110: 'pop', 119: 'nntp', 143: 'imap', 389: 'ldap', 443: 'https', 587: 'submission', 636: 'ldaps', 993: 'imaps', 995: 'pops', 1521: 'oracle', 1812: 'radius',
  3128: 'http_proxy', 3306: 'mysql', 5060: 'sip', 5432: 'pgsql',
};

/** Global and in a section. */
const SHARED: Readonly<Record<string, Setting>> = {
  checktimeout: positive('invalid check timeout value'), negotiatetimeout: positive('invalid negotiate timeout value'), checkinterval: positive('invalid check interval value'),
  checkcount: positive('invalid check count value'), failurecount: positive('invalid failure count value'), fallback: { kind: 'server' }, fallback6: { kind: 'server' }, fallbackcommand: TEXT,
  emailalert: TEXT, emailalertfreq: { kind: 'number', least: 0, complaint: 'invalid email alert frequency value' }, emailalertstatus: TEXT, smtp: TEXT, quiescent: YES_NO, cleanstop: YES_NO, monitorfile: TEXT,
};

export const GLOBAL_SETTINGS: Readonly<Record<string, Setting>> = {
  ...SHARED, autoreload: YES_NO, callback: TEXT, logfile: TEXT, emailalertfrom: TEXT, execute: TEXT, supervised: TEXT, fork: YES_NO, readdquiescent: YES_NO, maintenancedir: TEXT,
};

export const SECTION_SETTINGS: Readonly<Record<string, Setting>> = {
  ...SHARED, real: { kind: 'server' }, real6: { kind: 'server' }, checktype: TEXT, checkcommand: TEXT, checkport: positive('checkport must be a port'), service: { kind: 'one-of', words: SERVICE_NAMES },
  httpmethod: { kind: 'one-of', words: ['GET', 'HEAD'] }, virtualhost: TEXT, login: TEXT, passwd: TEXT, database: TEXT, secret: TEXT, load: TEXT, request: TEXT, receive: TEXT, scheduler: TEXT, persistent: positive('invalid persistent timeout'),
  netmask: TEXT, protocol: { kind: 'one-of', words: ['tcp', 'udp', 'fwm'] }, schedflags: TEXT, ops: YES_NO, servicename: TEXT, comment: TEXT,
};
