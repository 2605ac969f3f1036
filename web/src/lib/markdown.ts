/**
 * Markdown as a tree of what we are willing to show. It is drawn by `components/Markdown.svelte`, piece by piece: text never
 * becomes HTML, so there is nothing to sanitise.
 */
import { lexer, type Token, type Tokens } from "marked";

export type { Token, Tokens };

/** The tree of a text. Never throws: what cannot be read is shown as it is. */
export function parse(text: string, { breaks = true } = {}): Token[] {
  try {
    return lexer(text, { gfm: true, breaks });
  } catch {
    return [{ type: "text", raw: text, text } as Tokens.Text];
  }
}

/** Where a link may lead; null where it may not. */
export function safeHref(href: string): string | null {
  try {
    const url = new URL(href, window.location.origin);
    return ["http:", "https:", "mailto:", "tel:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** The address of an image if it is on our own server; images of others would tell them who reads what. */
export function safeImage(href: string): string | null {
  try {
    const url = new URL(href, window.location.origin);
    return url.origin === window.location.origin ? url.pathname + url.search : null;
  } catch {
    return null;
  }
}

/** Entities that the lexer leaves in text, as letters. */
export function plain(text: string): string {
  const known: Record<string, string> = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&nbsp;": "\u00a0",
  };
  return text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => known[entity] ?? entity);
}

/** Code, and addresses: nothing in them is a mark. */
const VERBATIM = /(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)|https?:\/\/[^\s)\]<>*]+/g;
/** Where the letters of marks are kept while marks are looked for. */
const KEPT_FROM = 0xe000;

/** Marks around words. An underscore inside a word is a letter. */
const MARKS = [
  ...[3, 2, 1].map((count) => markOf("\\*", count)),
  ...[3, 2, 1].map((count) => markOf("_", count, "[\\p{L}\\p{N}_]")),
  markOf("~", 2),
];

function markOf(letter: string, count: number, beside = letter): RegExp {
  const mark = `${letter}{${count}}`;
  const words = `(?![\\s${letter}])(.+?)(?<![\\s${letter}])`;
  return new RegExp(`(?<!${beside})${mark}${words}${mark}(?!${beside})`, "gu");
}

const hidden = (text: string) =>
  text.replace(/[*_~`[\]()!]/g, (letter) => String.fromCharCode(KEPT_FROM + letter.charCodeAt(0)));
const shown = (text: string) =>
  text.replace(/[\ue000-\ue07f]/g, (letter) =>
    String.fromCharCode(letter.charCodeAt(0) - KEPT_FROM),
  );

/** The first words of a text without its marks, for a preview. */
export function preview(text: string): string {
  const words = text
    .replace(/^\s{0,3}(?:```|~~~).*$/gm, "")
    .replace(VERBATIM, (whole, _, code: string | undefined) => hidden(code ?? whole))
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, (_, name: string) => (name ? `[${name}]` : "[image]"))
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s{0,3}(?:#{1,6}|>|[-*+]|\d+\.)\s+/gm, "");
  return shown(MARKS.reduce((rest, mark) => rest.replace(mark, "$1"), words))
    .replace(/\s+/g, " ")
    .trim();
}
