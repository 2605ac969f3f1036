/** Periods of whole days, as they stand in the address. Days are texts such as `2026-01-31`. */
import type { Period } from "~/api/statistics";

export const RANGES = [
  ["7d", "7 days", 7],
  ["30d", "30 days", 30],
  ["90d", "90 days", 90],
  ["365d", "A year", 365],
] as const;

export const DAYS_MAX = 400;
const DEFAULT_DAYS = 30;
/** From here on, days are too many to look at one by one. */
const WEEKS_FROM_DAYS = 92;
const DAY_MS = 86_400_000;

const isDay = (text: string | null): text is string =>
  text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(timeOf(text));

/** Midnight in UTC: a day is only a name here. */
export const timeOf = (day: string) => Date.parse(`${day}T00:00:00Z`);
export const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10);
export const addDays = (day: string, days: number) => dayOf(timeOf(day) + days * DAY_MS);
export const lengthOf = ({ date_from, date_to }: Period) =>
  Math.round((timeOf(date_to) - timeOf(date_from)) / DAY_MS) + 1;

/** Today in a time zone. */
export function todayIn(zone: string | undefined, now: number): string {
  try {
    return new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(now);
  } catch {
    return dayOf(now);
  }
}

/** What the address asks for: `range`, or `from` and `to`. Nonsense is read as the default. */
export function periodOf(query: URLSearchParams, today: string): Period {
  const [from, to] = [query.get("from"), query.get("to")];
  let [date_from, date_to] = [addDays(today, 1 - rangeOf(query)), today];
  if (isDay(from) && isDay(to) && from <= to) [date_from, date_to] = [from, to];
  if (lengthOf({ date_from, date_to, interval: "day" }) > DAYS_MAX) {
    date_from = addDays(date_to, 1 - DAYS_MAX);
  }
  const days = lengthOf({ date_from, date_to, interval: "day" });
  return { date_from, date_to, interval: days > WEEKS_FROM_DAYS ? "week" : "day" };
}

function rangeOf(query: URLSearchParams): number {
  return RANGES.find(([name]) => name === query.get("range"))?.[2] ?? DEFAULT_DAYS;
}

/** As many days again, right before. */
export function before(period: Period): Period {
  const days = lengthOf(period);
  return {
    ...period,
    date_from: addDays(period.date_from, -days),
    date_to: addDays(period.date_from, -1),
  };
}

/** By how much something has changed, in per cent; null where there was nothing to compare with. */
export function changeOf(now: number | null, then: number | null): number | null {
  if (now === null || then === null || then === 0) return null;
  return Math.round(((now - then) / then) * 100);
}
