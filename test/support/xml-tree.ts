/** Well-formed XML as a tree, enough to look into SVG files and the inline SVG of pages; anything that a strict reader would refuse throws. */

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (XmlElement | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, children: [] };
  const open = [root];
  let at = 0;
  for (const match of source.matchAll(/<\?xml[^>]*\?>|<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    const between = source.slice(at, match.index);
    if (/[<>]/.test(between) && open.at(-1)!.name !== 'style') throw new Error(`stray markup: ${between.slice(0, 80)}`);
    if (between.trim() !== '') open.at(-1)!.children.push(decoded(between));
    at = match.index + match[0].length;
    const name = match[2];
    if (name === undefined) continue;
    if (match[1] === '/') {
      const closed = open.pop();
      if (closed?.name !== name) throw new Error(`</${name}> closes <${closed?.name ?? ''}>`);
      continue;
    }
    const attributes: Record<string, string> = {};
    for (const [, key, value] of match[3]!.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      if (key! in attributes) throw new Error(`${key} twice`);
      attributes[key!] = decoded(value!);
    }
    const element: XmlElement = { name, attributes, children: [] };
    open.at(-1)!.children.push(element);
    if (match[4] !== '/') open.push(element);
  }
  if (open.length !== 1 || source.slice(at).trim() !== '') throw new Error(`not closed: ${open.map(({ name }) => name).join(' ')}`);
  if (root.children.length !== 1 || typeof root.children[0] === 'string') throw new Error('not one root element');
  return root.children[0]!;
}

/** All elements of that name below, and the element itself. */
export function elementsOf(element: XmlElement, name: string): XmlElement[] {
  return [...(element.name === name ? [element] : []), ...element.children.flatMap((child) => (typeof child === 'string' ? [] : elementsOf(child, name)))];
}

export function textOf(element: XmlElement): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}

function decoded(text: string): string {
  const bad = /&(?!(?:amp|lt|gt|quot|#39);)/.exec(text);
  if (bad !== null) throw new Error(`bare & in ${text.slice(bad.index, bad.index + 20)}`);
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name]!);
}
