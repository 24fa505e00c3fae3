/** YAML nodes by the schema's tables: values with their places, and a remark for everything that is not as the tables say. */
import { isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import type { Diagnostics, Place } from '../diagnostics.ts';
import type { Field, Fields, PlainType } from './schema.ts';

export type Values = Record<string, unknown>;
type Nested<Type> = (node: Node, type: Type) => unknown;

const UNITS_SEC: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
const INT_MOST = 4_294_967_295;

export class NodeReader {
  readonly #path: string;
  readonly #lines: readonly string[];
  readonly #counter: LineCounter;
  readonly #diagnostics: Diagnostics;

  constructor(path: string, text: string, counter: LineCounter, diagnostics: Diagnostics) {
    this.#path = path;
    this.#lines = text.split('\n');
    this.#counter = counter;
    this.#diagnostics = diagnostics;
  }

  refuse(node: Node | null, message: string, word: string | null = null, known: readonly string[] = []): undefined {
    this.#diagnostics.error(this.#place(node), message, 'the file is refused', word, known);
    return undefined;
  }

  /** The fields of a mapping; what is missing gets its default. Null when the node is no mapping. `nested` reads what is not a plain value. */
  object<Type extends PlainType | string>(node: Node, fields: Fields<Type>, what: string, nested: Nested<Type>): Values | null {
    if (!isMap(node)) {
      this.refuse(node, `${what} must be a mapping with ${Object.keys(fields).slice(0, 4).join(', ')} ...`);
      return null;
    }
    const values: Values = {};
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const field = Object.hasOwn(fields, name) ? fields[name]! : null;
      if (field === null) this.refuse(key as Node, `unknown field "${name}" in ${what}`, name, Object.keys(fields));
      else if (value === null || (isScalar(value) && value.value === null)) { if (field.otherwise !== null) this.refuse(key as Node, `${what}: ${name} has no value`, name); }
      else values[name] = this.#value(value as Node, field, `${what}: ${name}`, nested);
    }
    for (const [name, field] of Object.entries(fields)) {
      if (values[name] !== undefined) continue;
      if (field.required === true && !node.has(name)) this.refuse(node, `${what} needs a field "${name}"`);
      else if (field.otherwise !== undefined) values[name] = field.otherwise;
    }
    return values;
  }

  list(node: Node, what: string): readonly Node[] {
    if (isSeq(node)) return node.items.filter((item): item is Node => item !== null && typeof item === 'object');
    this.refuse(node, `${what} must be a list`);
    return [];
  }

  text(node: Node): string | null {
    return isScalar(node) && (typeof node.value === 'string' || typeof node.value === 'number') ? String(node.source ?? node.value) : null;
  }

  /** A plain value; undefined when it is not as the field says. */
  value(node: Node, field: Field<PlainType>, what: string): unknown {
    return this.#value(node, field, what, () => undefined);
  }

  #value<Type extends PlainType | string>(node: Node, field: Field<Type>, what: string, nested: Nested<Type>): unknown {
    const { type } = field;
    if (typeof type !== 'string') {
      const word = this.text(node);
      return word !== null && type.includes(word) ? word : this.refuse(node, `${what} must be one of ${type.join(', ')}`, word, type);
    }
    switch (type) {
      case 'text': return this.text(node) ?? this.refuse(node, `${what} must be a text`);
      case 'flag': return isScalar(node) && typeof node.value === 'boolean' ? node.value : this.refuse(node, `${what} must be true or false`);
      case 'number':
      case 'whole':
      case 'seconds': return this.#number(node, field, what);
      case 'texts': return this.list(node, what).map((item) => this.text(item) ?? this.refuse(item, `${what} must be a list of texts`)).filter((item) => item !== undefined);
      default: return nested(node, type);
    }
  }

  #number(node: Node, { type, least = -INT_MOST, most = INT_MOST }: Field<unknown>, what: string): number | undefined {
    const value = isScalar(node) ? node.value : null;
    const [, digits, unit] = type === 'seconds' && typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? [] : [];
    const number = typeof value === 'number' ? value : digits === undefined ? Number.NaN : Number(digits) * UNITS_SEC[unit!]!;
    if (Number.isNaN(number) || (type === 'whole' && !Number.isInteger(number))) return this.refuse(node, `${what} must be a ${type === 'whole' ? 'whole number' : type === 'seconds' ? 'number of seconds or a time like 5m' : 'number'}`);
    return number < least || number > most ? this.refuse(node, `${what}: ${number} is outside [${least}, ${most}]`) : number;
  }

  #place(node: Node | null): Place {
    const offset = node?.range?.[0];
    if (offset === undefined || offset === null) return { file: this.#path, line: 0 };
    const { line, col } = this.#counter.linePos(offset);
    const text = this.#lines[line - 1] ?? '';
    // The column is the first character of what stands in `text`: blank out what is before.
    return { file: this.#path, line, text: ' '.repeat(Math.max(0, col - 1)) + text.slice(col - 1) };
  }
}
