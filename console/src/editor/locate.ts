// Where in a JSON text something is that a service names: `/States/Wait/Branches[0]`, or a line and column.

import { jsonLanguage } from '@codemirror/lang-json';
import type { SyntaxNode } from '@lezer/common';

export interface Place {
  from: number;
  to: number;
  line: number;
}

/** The place that `location` names in `text`; as near to it as the text has it. */
export function locate(text: string, location: string | undefined): Place {
  const position = /line: (\d+), column: (\d+)/.exec(location ?? '');
  if (position) {
    const line = Number(position[1]);
    const start =
      text
        .split('\n')
        .slice(0, line - 1)
        .join('\n').length + (line > 1 ? 1 : 0);
    const from = Math.min(text.length, start + Math.max(0, Number(position[2]) - 2));
    return { from, to: Math.min(text.length, from + 1), line };
  }
  const root = jsonLanguage.parser.parse(text).topNode.firstChild;
  let shown: SyntaxNode | null = root;
  let value: SyntaxNode | null = root;
  let rest = location ?? '';
  while (value && rest !== '' && rest !== '/') {
    const index = /^\[(\d+)\]/.exec(rest);
    if (index) {
      value = shown = items(value)[Number(index[1])] ?? null;
      rest = rest.slice(index[0].length);
      continue;
    }
    // Names may have slashes of their own: the longest that fits is meant.
    const path = rest.replace(/^\//, '');
    const property = properties(value)
      .map((node) => ({ node, name: nameOf(node, text) }))
      .filter(({ name }) => path === name || path.startsWith(`${name}/`) || path.startsWith(`${name}[`))
      .sort((a, b) => b.name.length - a.name.length)[0];
    if (!property) break;
    shown = property.node;
    value = property.node.lastChild;
    rest = path.slice(property.name.length);
  }
  const node = shown ?? value ?? root;
  const from = node?.from ?? 0;
  // A whole object would be underlined to its end: its name, or its first line, is enough.
  const to =
    node?.name === 'Property' ? (node.firstChild?.to ?? node.to) : Math.min(node?.to ?? 0, endOfLine(text, from));
  return { from, to: Math.max(from, to), line: lineOf(text, from) };
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

export function properties(object: SyntaxNode): SyntaxNode[] {
  return object.getChildren('Property');
}

export function nameOf(property: SyntaxNode, text: string): string {
  const name = property.getChild('PropertyName');
  if (!name) return '';
  try {
    return JSON.parse(text.slice(name.from, name.to)) as string;
  } catch {
    return text.slice(name.from + 1, name.to - 1);
  }
}

function items(array: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let node = array.firstChild; node; node = node.nextSibling) {
    if (!['[', ']', ',', '⚠'].includes(node.name)) found.push(node);
  }
  return found;
}

/** The names of the properties around a position, outermost first. */
export function pathAt(text: string, at: number): string[] {
  const path: string[] = [];
  const tree = jsonLanguage.parser.parse(text);
  for (let node: SyntaxNode | null = tree.resolveInner(at, -1); node; node = node.parent) {
    if (node.name === 'Property') path.unshift(nameOf(node, text));
  }
  return path;
}
