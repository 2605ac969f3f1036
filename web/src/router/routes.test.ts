import { expect, test } from "vitest";
import { match } from "./routes.ts";

test("parameters are read from their segments, and may be missing where the pattern says so", () => {
  const pattern = "/project/:project/inbox/:view?/:ticket?";
  expect(match(pattern, "/project/1/inbox")).toEqual({ project: "1" });
  expect(match(pattern, "/project/1/inbox/mine")).toEqual({ project: "1", view: "mine" });
  expect(match(pattern, "/project/1/inbox/a%20b/12/")).toEqual({
    project: "1",
    view: "a b",
    ticket: "12",
  });
});

test("other paths do not match", () => {
  expect(match("/signin", "/signin/more")).toBeNull();
  expect(match("/invite/:token", "/invite")).toBeNull();
  expect(match("/project/:project/inbox", "/project/1/chat")).toBeNull();
  expect(match("/", "/signin")).toBeNull();
});

test("a segment that is not well encoded is taken as it is", () => {
  expect(match("/invite/:token", "/invite/%E0%A4%A")).toEqual({ token: "%E0%A4%A" });
});
