import { expect, test } from "vitest";
import { shellCommands } from "./commands";

test("no key means two things, and none is the beginning of another", () => {
  const keys = shellCommands(1).flatMap((command) => command.keys ?? []);
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) {
    expect(keys.filter((other) => other.startsWith(`${key} `))).toEqual([]);
  }
});
