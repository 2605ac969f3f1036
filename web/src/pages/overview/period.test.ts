import { expect, test } from "vitest";
import { before, changeOf, lengthOf, periodOf, todayIn } from "./period.ts";

const TODAY = "2026-03-01";
const asked = (query: string) => periodOf(new URLSearchParams(query), TODAY);

test("without a word it is the last 30 days, today included", () => {
  expect(asked("")).toEqual({ date_from: "2026-01-31", date_to: TODAY, interval: "day" });
  expect(lengthOf(asked(""))).toBe(30);
});

test("days of one's own choice are taken, also across a change of the clock", () => {
  const period = asked("from=2026-03-20&to=2026-04-02");
  expect(period.date_from).toBe("2026-03-20");
  expect(lengthOf(period)).toBe(14);
});

test("nonsense is the default", () => {
  expect(asked("from=2026-13-99&to=x")).toEqual(asked(""));
  expect(asked("from=2026-02-02&to=2026-01-01")).toEqual(asked(""));
});

test("long periods are told in weeks, and end at what the server takes", () => {
  expect(asked("range=90d").interval).toBe("day");
  expect(asked("range=365d").interval).toBe("week");
  expect(lengthOf(asked("from=2020-01-01&to=2026-01-01"))).toBe(400);
});

test("the period before is as long, and ends the day before", () => {
  expect(before(asked("range=7d"))).toMatchObject({
    date_from: "2026-02-16",
    date_to: "2026-02-22",
  });
});

test("a change needs something to compare with", () => {
  expect(changeOf(15, 10)).toBe(50);
  expect(changeOf(5, 10)).toBe(-50);
  expect(changeOf(5, 0)).toBeNull();
  expect(changeOf(null, 3)).toBeNull();
});

test("today depends on the zone", () => {
  const time = Date.parse("2026-03-01T23:30:00Z");
  expect(todayIn("UTC", time)).toBe("2026-03-01");
  expect(todayIn("Asia/Tokyo", time)).toBe("2026-03-02");
  expect(todayIn("Nowhere/At all", time)).toBe("2026-03-01");
});
