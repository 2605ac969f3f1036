/** Parts of an article. */

const HEADING = /^(#{1,6})\s+(.*?)\s*#*\s*$/;

/** What stands below a heading, up to the next of its rank; null if there is no such heading. */
export function sectionOf(markdown: string, heading: string): string | null {
  const lines = markdown.split("\n");
  let inFence = false;
  let from = -1;
  let rank = 0;
  for (const [index, line] of lines.entries()) {
    if (/^\s{0,3}(```|~~~)/.test(line)) inFence = !inFence;
    const found = inFence ? null : HEADING.exec(line);
    if (!found) continue;
    const depth = found[1]?.length ?? 0;
    if (from >= 0 && depth <= rank) return textOf(lines.slice(from, index));
    if (from < 0 && wordsOf(found[2] ?? "") === wordsOf(heading)) [from, rank] = [index + 1, depth];
  }
  return from < 0 ? null : textOf(lines.slice(from));
}

/** Headings of a path such as `Streams › Resuming` are looked up by their last part. */
export const lastHeading = (path: string) => path.split(" › ").at(-1) ?? path;

const textOf = (lines: string[]) => lines.join("\n").trim();
const wordsOf = (text: string) => text.replace(/[*_`]/g, "").trim().toLowerCase();
