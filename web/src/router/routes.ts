/**
 * Addresses and what they mean: `/project/:project/inbox/:view?/:ticket?`. A segment with a colon is a parameter, with a
 * question mark at the end it may be missing.
 */

export type Params = Record<string, string>;

/** The parameters of `path` if it is of the form `pattern`, else null. */
export function match(pattern: string, path: string): Params | null {
  const wanted = segments(pattern);
  const given = segments(path);
  if (given.length > wanted.length) return null;
  const params: Params = {};
  for (const [index, segment] of wanted.entries()) {
    const value = given[index];
    const name = /^:(\w+)(\?)?$/.exec(segment);
    if (!name) {
      if (segment !== value) return null;
    } else if (value !== undefined) {
      params[name[1] ?? ""] = decoded(value);
    } else if (!name[2]) {
      return null;
    }
  }
  return params;
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
