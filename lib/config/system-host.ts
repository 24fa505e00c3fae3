/** This machine, for configuration readers. Asked only for what a file needs; nothing is kept from one reading to the next. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { matching, type ConfigHost } from './config-host.ts';
import { ServiceNames } from './ipvsadm/name-resolver.ts';

const LOOKUP_TIMEOUT_MS = 3000;
/** A configuration is not larger; a device would not end. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_GLOBBED = 10_000;

export function systemHost({ configId = null, instance = '' }: { readonly configId?: string | null; readonly instance?: string } = {}): ConfigHost {
  const addresses = new Map<string, string | null>();
  let services: ServiceNames | null = null;
  return {
    readFile, glob, isExecutable, hasUser: (name) => hasEntry('/etc/passwd', name), hasGroup: (name) => hasEntry('/etc/group', name), instance,
    hasInterface: (name) => (/^[^/]{1,15}$/.test(name) ? existsSync(`/sys/class/net/${name}`) : false),
    addressOf: (name, family) => {
      const key = `${family} ${name}`;
      if (!addresses.has(key)) addresses.set(key, lookUp(name, family));
      return addresses.get(key)!;
    },
    portOf: (service, protocol) => (services ??= new ServiceNames(readFile('/etc/services') ?? '')).portOf(service, protocol),
    configId: configId ?? hostname(),
    workingDirectory: process.cwd(),
    environment: (name) => process.env[name] ?? null,
    startedSec: Math.floor(Date.now() / 1000),
  };
}

function readFile(path: string): string | null {
  try {
    const { size } = statSync(path);
    return size > MAX_FILE_BYTES ? null : readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Part by part: only folders that a pattern names are listed. */
function glob(pattern: string): readonly string[] {
  if (!/[*?[{]/.test(pattern)) return existsSync(pattern) ? [pattern] : [];
  let found = [isAbsolute(pattern) ? '/' : ''];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (found.length > MAX_GLOBBED) return [];
    found = found.flatMap((folder) => (/[*?[{]/.test(part) ? matching(entries(folder).filter((name) => part.startsWith('.') || !name.startsWith('.')), part) : [part]).map((name) => join(folder, name)));
  }
  return found.filter((path) => existsSync(path)).sort();
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder === '' ? '.' : folder);
  } catch {
    return [];
  }
}

function isExecutable(program: string): boolean {
  const candidates = program.includes('/') ? [resolve(program)] : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program));
  return candidates.some((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

function hasEntry(file: string, name: string): boolean | null {
  const text = readFile(file);
  return text === null ? null : text.split('\n').some((line) => line.startsWith(`${name}:`));
}

/** As the C library's resolver answers; null when it does not in time. */
function lookUp(name: string, family: 4 | 6): string | null {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)) return null;
  try {
    const answer = execFileSync('getent', [family === 4 ? 'ahostsv4' : 'ahostsv6', name], { encoding: 'utf8', timeout: LOOKUP_TIMEOUT_MS, stdio: ['ignore', 'pipe', 'ignore'] });
    const address = answer.split(/\s/)[0] ?? '';
    return address === '' || (family === 6 && address.startsWith('::ffff:')) ? null : address;
  } catch {
    return null;
  }
}
