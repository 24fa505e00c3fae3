/** SVG as text: elements with escaped attributes and text, numbers to a tenth of a pixel, so that the same chart is the same bytes everywhere. */

export type Attributes = Readonly<Record<string, string | number | null | undefined>>;

/** Children are markup already; text goes through `escapeText`. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => (value === null || value === undefined ? '' : ` ${key}="${typeof value === 'number' ? px(value) : escapeText(value)}"`)).join('');
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`;
}

export function text(content: string, attributes: Attributes): string {
  return element('text', attributes, escapeText(content));
}

/** For XML and HTML, text and quoted attributes alike; characters that XML cannot hold, and those that turn text around, become U+FFFD. */
export function escapeText(content: string): string {
  return content
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** To a tenth; never "-0" or an exponent. */
export function px(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  return Number.isFinite(rounded) ? String(rounded === 0 ? 0 : rounded) : '0';
}

/** About how wide text is, in px: a little more than common sans-serif fonts need, as nobody measures fonts here. */
export function textWidth(content: string, size: number): number {
  let ems = 0;
  for (const character of content) {
    const code = character.codePointAt(0)!;
    ems += code >= 0x1100 ? 1.05 : /[iljtf.,:;'|!()[\] ]/.test(character) ? 0.36 : /[mwMW@%]/.test(character) ? 0.92 : /[A-Z]/.test(character) ? 0.7 : 0.6;
  }
  return ems * size;
}

/** Cut to a width, with an ellipsis. */
export function fitText(content: string, width: number, size: number): string {
  if (textWidth(content, size) <= width) return content;
  const characters = [...content];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}
