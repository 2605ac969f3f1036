import { expect, test } from "vitest";
import { sections } from "~/pages/settings/sections";
import { shellCommands } from "./commands";

test("no key means two things, and none is the beginning of another", () => {
  const keys = shellCommands(1).flatMap((command) => command.keys ?? []);
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) {
    expect(keys.filter((other) => other.startsWith(`${key} `))).toEqual([]);
  }
});

test("every section of the settings can be gone to, but for those that only admins may see", () => {
  const ids = shellCommands(1).map(({ id }) => id);
  for (const { name, forAdmins } of sections) {
    expect(ids.includes(`settings-${name}`), name).toBe(!forAdmins);
  }
});
