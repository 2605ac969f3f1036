/** Articles from Markdown files. */

export interface FileArticle {
  title: string;
  body: string;
  url?: string;
}

/**
 * The title is the first heading of the first rank, else the `title` of the front matter, else the file's name; `url` of the
 * front matter is kept.
 */
export function articleOf(fileName: string, text: string): FileArticle {
  const { fields, rest } = frontMatter(text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n"));
  const heading = /^#\s+(.+?)\s*#*\s*$/m.exec(rest);
  const isFirst = heading !== null && rest.slice(0, heading.index).trim() === "";
  const named = fileName
    .replace(/\.(md|markdown|txt)$/i, "")
    .replace(/[-_]+/g, " ")
    .trim();
  const title =
    fields["title"] || (isFirst && heading[1]) || named.charAt(0).toUpperCase() + named.slice(1);
  const body = isFirst ? rest.slice(heading.index + heading[0].length).trim() : rest.trim();
  const url = fields["url"];
  return { title, body, ...(url ? { url } : {}) };
}

function frontMatter(text: string): { fields: Record<string, string>; rest: string } {
  const found = /^---\n([\s\S]*?)\n---\n?/.exec(text);
  if (!found) return { fields: {}, rest: text };
  const fields: Record<string, string> = {};
  for (const line of (found[1] ?? "").split("\n")) {
    const pair = /^(\w+)\s*:\s*(.*)$/.exec(line);
    if (pair?.[1])
      fields[pair[1].toLowerCase()] = (pair[2] ?? "").trim().replace(/^(["'])(.*)\1$/, "$2");
  }
  return { fields, rest: text.slice(found[0].length) };
}

export const isMarkdown = (file: File) => /\.(md|markdown|txt)$/i.test(file.name);
