/** genhash's command line: getopt_long's rules, the original's messages. */

export interface GenhashOptions {
  readonly server: string;
  readonly port: number;
  readonly url: string;
  readonly virtualHost: string | null;
  readonly ssl: boolean;
  readonly sni: boolean;
  readonly protocol: '1.0' | '1.0C' | '1.1';
  readonly timeoutSec: number;
  readonly verbose: boolean;
  readonly fwmark: number;
}

/** Long name, letter, takes a parameter. */
const OPTIONS = [
  ['use-ssl', 'S', false], ['use-sni', 'I', false], ['server', 's', true], ['port', 'p', true], ['url', 'u', true], ['use-virtualhost', 'V', true], ['verbose', 'v', false],
  ['help', 'h', false], ['fwmark', 'm', true], ['protocol', 'P', true], ['timeout', 't', true],
] as const;

const PROTOCOLS: Readonly<Record<string, GenhashOptions['protocol']>> = { '1.0': '1.0', '1.0c': '1.0C', '1.0C': '1.0C', '1.1': '1.1' };
const DEFAULT_TIMEOUT_SEC = 5;

const USAGE = `Usage: tsgenhash COMMAND [OPTIONS]
Commands:
   -s server-address -p port -u url
   -S -s server-address -p port -u url
   -h

Options:
Either long or short options are allowed.
   --use-ssl         -S       Use SSL connection to remote server.
   --use-sni         -I       Use SNI during SSL handshake (uses virtualhost setting; see -V).
   --server          -s       Use the specified remote server address.
   --port            -p       Use the specified remote server port.
   --url             -u       Use the specified remote server url.
   --use-virtualhost -V       Use the specified virtualhost in GET query.
   --verbose         -v       Use verbose mode output.
   --help            -h       Display this short inlined help screen.
   --fwmark          -m       Use the specified FW mark.
   --protocol        -P       Use the specified HTTP protocol - '1.0', 1.0c', '1.1'.
                                1.0c means 1.0 with 'Connection: close'
   --timeout         -t       Timeout in seconds
`;

/** Checked options, or what to print on stderr before exit status 1. */
export function parseGenhashOptions(argv: readonly string[], isIP: (text: string) => number): GenhashOptions | { readonly problem: string } {
  const given = new Map<string, string>();
  const extra: string[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      extra.push(...words.splice(0));
    } else if (word.startsWith('--')) {
      const [, name, value] = /^--([^=]*)(?:=(.*))?$/s.exec(word)!;
      const matches = OPTIONS.filter(([long]) => long === name);
      const option = matches[0] ?? onlyOne(OPTIONS.filter(([long]) => long.startsWith(name!)));
      if (option === undefined) return usage(`Unknown option ${word}`);
      const parameter = option[2] ? value ?? words.shift() : '';
      if (parameter === undefined) return usage(`Missing parameter for option --${option[0]}`);
      given.set(option[1], parameter);
    } else if (word.startsWith('-') && word.length > 1) {
      for (let rest = word.slice(1); rest !== '';) {
        const letter = rest[0]!;
        const option = OPTIONS.find(([, short]) => short === letter);
        if (option === undefined) return usage(`Unknown option -${letter}`);
        rest = rest.slice(1);
        if (!option[2]) {
          given.set(letter, '');
          continue;
        }
        const parameter = rest !== '' ? rest : words.shift();
        if (parameter === undefined) return usage(`Missing parameter for option -${letter}`);
        given.set(letter, parameter);
        rest = '';
      }
    } else {
      extra.push(word);
    }
  }
  return checked(given, extra, isIP);
}

function checked(given: ReadonlyMap<string, string>, extra: readonly string[], isIP: (text: string) => number): GenhashOptions | { readonly problem: string } {
  if (given.has('h')) return usage();
  const server = given.get('s');
  if (server !== undefined && isIP(server) === 0) return usage(`server should be an IP, not ${server}`);
  const port = number(given.get('p'), 1, 65535);
  if (port === null) return usage(`invalid port number '${given.get('p')}'`);
  const timeoutSec = number(given.get('t'), 0, 0x7fffffff);
  if (timeoutSec === null) return usage(`invalid timeout '${given.get('t')}'`);
  const fwmark = number(given.get('m'), 0, 0xffffffff);
  if (fwmark === null) return usage(`invalid fwmark '${given.get('m')}'`);
  const protocol = PROTOCOLS[given.get('P') ?? '1.0'];
  if (protocol === undefined) return usage(`invalid HTTP protocol version '${given.get('P')}'`);
  if (extra.length > 0) return usage(`Unexpected argument(s): ${extra.join(' ')}`);
  const url = given.get('u');
  if (server === undefined || port === undefined || url === undefined) return usage();
  return {
    server, port, url, protocol, virtualHost: given.get('V') ?? null, ssl: given.has('S'), sni: given.has('I'), timeoutSec: timeoutSec || DEFAULT_TIMEOUT_SEC, verbose: given.has('v'), fwmark: fwmark ?? 0,
  };
}

function usage(problem = ''): { problem: string } {
  return { problem: `${problem === '' ? '' : `${problem}\n`}${USAGE}` };
}

function onlyOne<T>(matches: readonly T[]): T | undefined {
  return matches.length === 1 ? matches[0] : undefined;
}

/** Undefined where it is not given, null where it is none. */
function number(text: string | undefined, low: number, high: number): number | null | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return value >= low && value <= high ? value : null;
}
