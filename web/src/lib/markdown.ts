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

/** The first words of a text without its marks, for a preview. */
export function preview(text: string): string {
  return text
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, (_, name: string) => (name ? `[${name}]` : "[image]"))
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s{0,3}(?:#{1,6}|>|[-*+]|\d+\.)\s+/gm, "")
    .replace(/[*_`~]{1,3}(\S(?:.*?\S)?)[*_`~]{1,3}/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}
