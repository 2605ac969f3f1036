/** How people without a picture are shown. */

const HUES = 7;

/** One or two letters for a name or an address. */
export function initialsOf(name: string): string {
  const words = (name.split("@")[0] ?? "")
    .split(/[\s._-]+/)
    .filter((word) => /\p{L}|\p{N}/u.test(word));
  const letters = words.map((word) => /\p{L}|\p{N}/u.exec(word)?.[0] ?? "");
  const shown = words.length > 1 ? [letters[0], letters[letters.length - 1]] : [letters[0]];
  return shown.join("").toUpperCase() || "?";
}

/** The same colour for the same name, everywhere. */
export function hueOf(name: string): number {
  let sum = 0;
  for (const letter of name.toLowerCase()) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return sum % HUES;
}
