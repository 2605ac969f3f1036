import { expect, test } from "vitest";
import { dayWord, hoursWords, problemOf, USUAL, windowOf } from "./office-hours";

test("days have their names", () => {
  expect(dayWord("monday")).toBe("Monday");
  expect(dayWord("sunday")).toBe("Sunday");
});

test("an office is open around the clock or between two times", () => {
  expect(windowOf(USUAL)).toEqual(["09:00", "17:00"]);
  expect(windowOf({ ...USUAL, time: "any" })).toBeNull();
});

test("hours are told in one line", () => {
  expect(hoursWords({ days: ["monday", "friday"], time: ["09:00", "17:00"] })).toBe(
    "Monday, Friday, 09:00–17:00",
  );
  expect(hoursWords({ days: ["sunday"], time: "any" })).toBe("Sunday, all day");
});

test("hours that cannot be are told", () => {
  expect(problemOf(USUAL)).toBeNull();
  expect(problemOf({ ...USUAL, time: "any" })).toBeNull();
  expect(problemOf({ ...USUAL, days: [] })).toMatch(/at least one day/);
  expect(problemOf({ ...USUAL, time: ["17:00", "09:00"] })).toMatch(/open before/);
  expect(problemOf({ ...USUAL, time: ["", "09:00"] })).toMatch(/both/);
});
