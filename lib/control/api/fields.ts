/**
 * Strict reading of JSON objects into model types: every field is named in a table with its parser, a field that is not in the
 * table is an error, and every error names the field by its path ("commands[3].destination.weight").
 */
import { LvsError } from '../../model/errors.ts';
import { parseAddress, formatAddress } from '../../wire/address.ts';

/** Turns an unknown JSON value into T or throws BadRequest naming `path`. */
export type Parse<T> = (value: unknown, path: string) => T;

export function badRequest(path: string, problem: string): LvsError {
  return new LvsError('BadRequest', `${path === '' ? 'request' : path}: ${problem}`);
}

export function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest(path, 'must be an object');
  return value as Record<string, unknown>;
}

/** An object with exactly these fields; those in `optional` may be absent. */
export function record<T extends object>(fields: { readonly [K in keyof Required<T>]: Parse<Required<T>[K]> }, optional: readonly (keyof T & string)[] = []): Parse<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value, path) => {
    const given = asObject(value, path);
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(fields, name)) throw badRequest(under(path, name), 'unknown field');
    }
    const result: Partial<T> = {};
    for (const name of names) {
      const field = given[name];
      if (field === undefined) {
        if (optional.includes(name)) continue;
        throw badRequest(under(path, name), 'missing');
      }
      result[name] = fields[name](field, under(path, name));
    }
    return result as T;
  };
}

/** Chooses the parser of an object by one of its fields, as in {op: 'addService', ...}. */
export function tagged<T>(tag: string, parsers: Readonly<Record<string, Parse<T>>>): Parse<T> {
  return (value, path) => {
    const name = asObject(value, path)[tag];
    if (typeof name !== 'string' || !Object.hasOwn(parsers, name)) {
      throw badRequest(under(path, tag), `must be one of ${Object.keys(parsers).join(', ')}`);
    }
    return parsers[name]!(value, path);
  };
}

export function list<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw badRequest(path, 'must be a list');
    return value.map((item, position) => parse(item, `${path}[${position}]`));
  };
}

export function nullable<T>(parse: Parse<T>): Parse<T | null> {
  return (value, path) => (value === null ? null : parse(value, path));
}

export function integer(low: number, high: number): Parse<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) throw badRequest(path, `must be an integer from ${low} to ${high}`);
    return value;
  };
}

export const text: Parse<string> = (value, path) => {
  if (typeof value !== 'string') throw badRequest(path, 'must be a string');
  return value;
};

export const flag: Parse<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw badRequest(path, 'must be true or false');
  return value;
};

export function oneOf<const T extends string | number>(...values: readonly T[]): Parse<T> {
  return (value, path) => {
    if (!values.includes(value as T)) throw badRequest(path, `must be one of ${values.join(', ')}`);
    return value as T;
  };
}

const DOTTED_QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** An IPv4 or IPv6 address, returned in canonical form. */
export const address: Parse<string> = (value, path) => {
  // Fast path: a batch holds thousands, and this form is canonical.
  if (typeof value === 'string' && DOTTED_QUAD.test(value)) return value;
  const parsed = parseAddress(text(value, path));
  if (parsed === null) throw badRequest(path, `${JSON.stringify(value)} is not an IP address`);
  const [w0, w1, w2, w3] = parsed.words;
  return formatAddress(parsed.family, w0!, w1!, w2!, w3!);
};

function under(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
