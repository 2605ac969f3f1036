import { expect, test } from "vitest";
import { contrast, hexOf } from "./contrast.ts";

test("black on white is 21, a colour on itself 1", () => {
  expect(contrast("#000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#1d4aff", "rgb(29, 74, 255)")).toBeCloseTo(1);
});

test("the order does not matter", () => {
  expect(contrast("#1f7a4d", "#fff")).toBeCloseTo(contrast("#fff", "#1f7a4d") ?? 0);
  expect(contrast("#1f7a4d", "#fff")).toBeGreaterThan(4.5);
});

test("what cannot be read is said to be so", () => {
  expect(contrast("rebeccapurple", "#fff")).toBeNull();
  expect(hexOf("#abc")).toBe("#aabbcc");
  expect(hexOf("var(--x)")).toBeNull();
});
