/** Who else is here, in words. */

/** `Ada`, `Ada and Jo`, `Ada and 2 others`. */
export function listNames(names: string[]): string {
  const [first = "", second] = names;
  if (names.length <= 2) return second === undefined ? first : `${first} and ${second}`;
  return `${first} and ${names.length - 1} others`;
}

/** `Ada is viewing`, `Ada and Jo are typing …`; empty when there is nobody. */
export function doing(names: string[], what: "viewing" | "typing"): string {
  if (names.length === 0) return "";
  const verb = names.length === 1 ? "is" : "are";
  return `${listNames(names)} ${verb} ${what}${what === "typing" ? " …" : ""}`;
}
