import { describe, expect, test } from "vitest";
import { duePresets, officeSpanWords, parseOfficeSpan, parseWhen, presets } from "./when.ts";

// A Wednesday.
const NOW = new Date(2026, 10, 25, 14, 20);

const shown = (words: string) => {
  const date = parseWhen(words, NOW);
  if (!date) return null;
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
};

describe("plain words are a point in time", () => {
  test.each([
    ["tomorrow", "2026-11-26 09:00"],
    ["tomorrow 9", "2026-11-26 09:00"],
    ["Tomorrow at 3pm", "2026-11-26 15:00"],
    ["tomorrow morning", "2026-11-26 09:00"],
    ["tomorrow afternoon", "2026-11-26 14:00"],
    ["next monday", "2026-11-30 09:00"],
    ["monday 14:30", "2026-11-30 14:30"],
    ["fri", "2026-11-27 09:00"],
    ["wednesday", "2026-12-02 09:00"],
    ["next week", "2026-11-30 09:00"],
    ["weekend", "2026-11-28 09:00"],
    ["in 3 days", "2026-11-28 09:00"],
    ["2h", "2026-11-25 16:20"],
    ["in an hour", "2026-11-25 15:20"],
    ["45 min", "2026-11-25 15:05"],
    ["1 week", "2026-12-02 09:00"],
    ["today", "2026-11-25 18:00"],
    ["tonight", "2026-11-25 19:00"],
    ["17:00", "2026-11-25 17:00"],
    ["9", "2026-11-26 09:00"],
    ["24 dec", "2026-12-24 09:00"],
    ["dec 24", "2026-12-24 09:00"],
    ["24 dec 8:30", "2026-12-24 08:30"],
    ["3 march", "2027-03-03 09:00"],
    ["2027-01-05", "2027-01-05 09:00"],
  ])("%s", (words, expected) => expect(shown(words)).toBe(expected));
});

describe("what is no point in time to come is none", () => {
  test.each(["", "soon", "today 9", "31 feb", "2020-01-01", "0 days", "tomorrow 25", "13pm"])(
    "%s",
    (words) => expect(shown(words)).toBeNull(),
  );
});

test("presets lie ahead, each with a name of its own", () => {
  for (const hour of [0, 9, 15, 18, 23]) {
    const now = new Date(2026, 10, 25, hour, 5);
    for (const found of [presets(now), duePresets(now)]) {
      expect(found.every((preset) => preset.at > now)).toBe(true);
      expect(new Set(found.map((preset) => preset.label)).size).toBe(found.length);
    }
  }
});

test.each([
  ["4 office hours", "4 office hours"],
  ["in 2 office days", "2 office days"],
  ["an office hour", "1 office hour"],
  ["1.5 Business Hours", "1.5 office hours"],
  ["30 office minutes", "30 office minutes"],
  ["4oh", "4 office hours"],
  ["4 working days", "4 office days"],
])("%s are counted by the office", (words, expected) => {
  const span = parseOfficeSpan(words);
  expect(span && officeSpanWords(span)).toBe(expected);
});

test.each(["", "4 hours", "0 office hours", "office", "some office hours", "4 office weeks"])(
  "“%s” is no amount of office hours",
  (words) => expect(parseOfficeSpan(words)).toBeNull(),
);
