/**
 * Markdown that is still being written: marks that were opened are closed, and what cannot be shown yet is held back, so that
 * text does not jump from one form into another as its second half arrives.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The text with its last paragraph made whole. What stands inside a block of code is left alone. */
export function finished(text: string): string {
  if (isInFence(text)) return text;
  const from = text.lastIndexOf("\n\n") + 1;
  let tail = text.slice(from);
  // A link whose address is still coming is shown as its words.
  tail = tail.replace(/!?\[([^[\]]*)(?:\](?:\([^()\s]*)?)?$/, (whole, words: string) =>
    whole.startsWith("!") ? "" : words,
  );
  // A row of a table that has only begun.
  tail = tail.replace(/(\n\|[^\n]*\|)\n\|?[^\n|]*$/, (whole, row: string) =>
    whole.endsWith("|") ? whole : row,
  );
  const outside = tail.replace(/(`+)[^`]+\1/g, "");
  if ((outside.match(/`/g) ?? []).length % 2 === 1) return text.slice(0, from) + tail + "`";
  for (const mark of ["**", "~~"]) {
    if (outside.split(mark).length % 2 === 0) {
      tail = tail.trimEnd();
      tail = tail.endsWith(mark) ? tail.slice(0, -mark.length) : tail + mark;
    }
  }
  // One half of a closing mark.
  tail = tail.replace(/([^*\s])\*\*\*$/, "$1**");
  return text.slice(0, from) + tail;
}

function isInFence(text: string): boolean {
  let fence: string | null = null;
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line)?.[1];
    if (!mark) continue;
    if (fence === null) fence = mark;
    else if (mark.startsWith(fence)) fence = null;
  }
  return fence !== null;
}
