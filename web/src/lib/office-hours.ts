/** When the office is open: the form of the project's `business_hours`. */
import type { Project } from "~/api/types";

export type OfficeHours = NonNullable<Project["business_hours"]>;

export const WEEK = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;

/** What most offices would say. */
export const USUAL: OfficeHours = { days: WEEK.slice(0, 5), time: ["09:00", "17:00"] };

/** `Monday` in the reader's language. */
export function dayWord(day: string): string {
  const index = WEEK.indexOf(day as (typeof WEEK)[number]);
  if (index < 0) return day;
  // 5 January 1970 was a Monday.
  const date = new Date(Date.UTC(1970, 0, 5 + index));
  return new Intl.DateTimeFormat(undefined, { weekday: "long", timeZone: "UTC" }).format(date);
}

/** Start and end, or null when it is open around the clock. */
export function windowOf({ time }: OfficeHours): [string, string] | null {
  return Array.isArray(time) && time.length === 2 ? [String(time[0]), String(time[1])] : null;
}

/** `Monday, Tuesday, 09:00–17:00`. */
export function hoursWords(hours: OfficeHours): string {
  const window = windowOf(hours);
  return [...hours.days.map(dayWord), window ? window.join("–") : "all day"].join(", ");
}

/** Why these hours cannot be, in a sentence; null when they can. */
export function problemOf(hours: OfficeHours): string | null {
  if (hours.days.length === 0) return "Choose at least one day.";
  const window = windowOf(hours);
  if (window && !(window[0] && window[1])) return "Give both times.";
  if (window && window[0] >= window[1]) return "It has to open before it closes.";
  return null;
}
