import { expect, test } from "vitest";
import { ago, dayName, since, span } from "./time.ts";

const NOW = new Date(2026, 10, 25, 14, 20).getTime();
const before = (ms: number) => new Date(NOW - ms).toISOString();

test("how long ago something was fits into a list", () => {
  expect(ago(before(20_000), NOW)).toBe("now");
  expect(ago(before(5 * 60_000), NOW)).toBe("5m");
  expect(ago(before(3 * 3_600_000), NOW)).toBe("3h");
});

test("how long ago something was reads well at the end of a sentence", () => {
  const day = 86_400_000;
  expect(since(before(20_000), NOW)).toBe("just now");
  expect(since(before(5 * 60_000), NOW)).toBe("5m ago");
  expect(since(before(3 * 3_600_000), NOW)).toBe("3h ago");
  expect(since(before(2 * day), NOW)).toBe(`on ${ago(before(2 * day), NOW)}`);
  expect(since(before(40 * day), NOW)).toBe(`on ${ago(before(40 * day), NOW)}`);
  expect(since(before(400 * day), NOW)).toBe(`in ${ago(before(400 * day), NOW)}`);
});

test("a length of time is told in its largest unit, finer where it is short", () => {
  expect(span(40_000)).toBe("40s");
  expect(span(12 * 60_000)).toBe("12m");
  expect(span(-90 * 60_000)).toBe("1h 30m");
  expect(span(9 * 3_600_000 + 60_000)).toBe("9h");
  expect(span(5 * 86_400_000)).toBe("5d");
});

test("days nearby have names", () => {
  expect(dayName(before(60_000), NOW)).toBe("Today");
  expect(dayName(before(86_400_000), NOW)).toBe("Yesterday");
});
