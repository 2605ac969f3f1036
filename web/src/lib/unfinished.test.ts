import { expect, test } from "vitest";
import { finished } from "./unfinished.ts";

test("marks that are open are closed", () => {
  expect(finished("an **import")).toBe("an **import**");
  expect(finished("a `let x")).toBe("a `let x`");
  expect(finished("it is ~~gone")).toBe("it is ~~gone~~");
});

test("a mark that has only just been opened is held back", () => {
  expect(finished("an **")).toBe("an ");
});

test("a closing mark of which one half has come is not seen", () => {
  expect(finished("an **important*")).toBe("an **important**");
});

test("a link whose address is still coming is shown as its words", () => {
  expect(finished("see [the gui")).toBe("see the gui");
  expect(finished("see [the guide]")).toBe("see the guide");
  expect(finished("see [the guide](https://exa")).toBe("see the guide");
  expect(finished("see ![a ca")).toBe("see ");
});

test("what is whole stays as it is", () => {
  const text = "**a** `b` [c](https://example.com) ~~d~~\n\n- one\n- **two**";
  expect(finished(text)).toBe(text);
});

test("code is never touched", () => {
  const text = "```ts\nconst a = [1, **";
  expect(finished(text)).toBe(text);
});

test("only the last paragraph is looked at", () => {
  expect(finished("a ** b\n\nc **d")).toBe("a ** b\n\nc **d**");
});

test("the row of a table appears when it has a cell", () => {
  const head = "| a | b |\n|---|---|\n| 1 | 2 |";
  expect(finished(`${head}\n| 3`)).toBe(head);
  expect(finished(`${head}\n| 3 | 4 |`)).toBe(`${head}\n| 3 | 4 |`);
});
