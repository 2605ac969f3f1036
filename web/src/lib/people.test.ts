import { expect, test } from "vitest";
import { initialsOf } from "./people.ts";

test("initials come from the first and the last word of a name", () => {
  expect(initialsOf("Ada Lovelace")).toBe("AL");
  expect(initialsOf("Jean Luc Picard")).toBe("JP");
  expect(initialsOf("jo@example.com")).toBe("J");
  expect(initialsOf("ann.lee@example.com")).toBe("AL");
  expect(initialsOf("")).toBe("?");
});
