/** `1 ticket`, `12 tickets`, `1,204 tickets`. */
export const countWords = (count: number, word: string) =>
  `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;
