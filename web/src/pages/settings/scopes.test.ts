import { expect, test } from "vitest";
import { areasOf, scopesOf } from "./scopes.ts";

test("scopes are grouped by what they are about", () => {
  const areas = areasOf([
    { scope: "support_ticket:read", description: "look" },
    { scope: "support_ticket:write", description: "change" },
    { scope: "organization:read", description: "see" },
    { scope: "*", description: "everything" },
  ]);
  expect(areas).toEqual([
    { object: "support_ticket", label: "Support ticket", read: "look", write: "change" },
    { object: "organization", label: "Organisation", read: "see", write: "" },
  ]);
});

test("what is not chosen is no scope", () => {
  expect(scopesOf({ ticket: "write", person: "none", user: "read" })).toEqual([
    "ticket:write",
    "user:read",
  ]);
});
