import { expect, test } from "vitest";
import { ago, dayName, span } from "./time.ts";

const NOW = new Date(2026, 10, 25, 14, 20).getTime();
const before = (ms: number) => new Date(NOW - ms).toISOString();

test("how long ago something was fits into a list", () => {
  expect(ago(before(20_000), NOW)).toBe("now");
  expect(ago(before(5 * 60_000), NOW)).toBe("5m");
  expect(ago(before(3 * 3_600_000), NOW)).toBe("3h");
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
