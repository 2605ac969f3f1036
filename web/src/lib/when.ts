/**
 * Points in time in plain words: "tomorrow 9", "next monday", "in 3 days", "fri 14:30", "2h", "24 dec". What one types to
 * put a ticket off.
 */

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
/** When a day's work begins, if nobody says otherwise. */
const MORNING = 9;
const EVENING = 18;
const UNITS: Record<string, "minute" | "hour" | "day" | "week" | "month"> = {
  m: "minute",
  min: "minute",
  mins: "minute",
  minute: "minute",
  minutes: "minute",
  h: "hour",
  hr: "hour",
  hrs: "hour",
  hour: "hour",
  hours: "hour",
  d: "day",
  day: "day",
  days: "day",
  w: "week",
  week: "week",
  weeks: "week",
  month: "month",
  months: "month",
};

/** The moment that the words mean, always after `now`; null if they mean none. */
export function parseWhen(words: string, now = new Date()): Date | null {
  let rest = words.trim().toLowerCase().replace(/,/g, " ").replace(/\s+/g, " ");
  if (!rest) return null;

  const span = /^(?:in )?(an?|\d+(?:\.\d+)?) ?([a-z]+)$/.exec(rest);
  const unit = span && UNITS[span[2] ?? ""];
  if (span && unit) return later(now, /^an?$/.test(span[1] ?? "") ? 1 : Number(span[1]), unit);

  let time: [number, number] | null = null;
  const at = /(?:^|\s)(?:at )?(\d{1,2})(?::(\d{2}))? ?(am|pm)?$/.exec(rest);
  // "24" alone after a month or before one is a day, not an hour: "dec 24", "24 dec".
  if (at && !isDayOfMonth(rest)) {
    time = hourOf(Number(at[1]), Number(at[2] ?? 0), at[3]);
    if (!time) return null;
    rest = rest.slice(0, at.index).replace(/ at$/, "").trim();
  } else {
    const named = /(?:^|\s)(?:at |in the )?(morning|noon|afternoon|evening|tonight)$/.exec(rest);
    const hour = { morning: 9, noon: 12, afternoon: 14, evening: 18, tonight: 19 }[
      named?.[1] ?? ""
    ];
    if (named && hour !== undefined) {
      time = [hour, 0];
      rest = rest
        .slice(0, named.index)
        .replace(/^this$/, "")
        .trim();
    }
  }

  const day = dayOf(rest, now);
  if (!day) return null;
  const [hour, minute] = time ?? (rest === "today" ? [EVENING, 0] : [MORNING, 0]);
  const found = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute);
  // "9" at ten o'clock is tomorrow's.
  if (found <= now && rest === "") found.setDate(found.getDate() + 1);
  return found > now ? found : null;
}

function isDayOfMonth(rest: string): boolean {
  const words = rest.split(" ");
  const last = words[words.length - 1] ?? "";
  return /^\d{1,2}$/.test(last) && words.length === 2 && monthOf(words[0] ?? "") !== null;
}

function hourOf(hour: number, minute: number, half: string | undefined): [number, number] | null {
  if (half && (hour < 1 || hour > 12)) return null;
  const whole = half ? (hour % 12) + (half === "pm" ? 12 : 0) : hour;
  return whole < 24 && minute < 60 ? [whole, minute] : null;
}

function dayOf(words: string, now: Date): Date | null {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const plus = (days: number) => {
    day.setDate(day.getDate() + days);
    return day;
  };
  if (words === "" || words === "today") return day;
  if (words === "tomorrow" || words === "tmr" || words === "tom") return plus(1);
  if (words === "next week") return plus((8 - day.getDay()) % 7 || 7);
  if (words === "weekend" || words === "this weekend") return plus((6 - day.getDay() + 7) % 7 || 7);
  if (words === "next month") return new Date(now.getFullYear(), now.getMonth() + 1, 1);

  const weekday = /^(?:(next|on|this) )?([a-z]+)$/.exec(words);
  const wanted = weekday ? indexOf(DAYS, weekday[2] ?? "") : null;
  if (weekday && wanted !== null) return plus((wanted - day.getDay() + 7) % 7 || 7);

  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(words);
  if (iso) return calendarDay(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]));
  const date = /^(?:(\d{1,2})\.? ([a-z]+)|([a-z]+) (\d{1,2}))(?: (\d{4}))?$/.exec(words);
  const month = date ? monthOf(date[2] ?? date[3] ?? "") : null;
  if (!date || month === null) return null;
  const number = Number(date[1] ?? date[4]);
  if (date[5]) return calendarDay(Number(date[5]), month, number);
  const thisYear = calendarDay(now.getFullYear(), month, number);
  return thisYear && thisYear < day ? calendarDay(now.getFullYear() + 1, month, number) : thisYear;
}

function monthOf(word: string): number | null {
  return indexOf(MONTHS, word);
}

/** The place of a name that begins with at least three letters of `word`. */
function indexOf(names: string[], word: string): number | null {
  if (word.length < 3) return null;
  const found = names.findIndex((name) => name.startsWith(word));
  return found < 0 ? null : found;
}

function calendarDay(year: number, month: number, number: number): Date | null {
  const day = new Date(year, month, number);
  return day.getMonth() === month && day.getDate() === number ? day : null;
}

function later(now: Date, number: number, unit: "minute" | "hour" | "day" | "week" | "month") {
  const date = new Date(now);
  if (unit === "minute") date.setTime(now.getTime() + number * 60_000);
  else if (unit === "hour") date.setTime(now.getTime() + number * 3_600_000);
  else if (unit === "month") date.setMonth(date.getMonth() + Math.ceil(number));
  else date.setDate(date.getDate() + Math.ceil(number * (unit === "week" ? 7 : 1)));
  if (unit !== "minute" && unit !== "hour") date.setHours(MORNING, 0, 0, 0);
  return number > 0 && date > now ? date : null;
}

export interface Preset {
  label: string;
  at: Date;
}

/** What people put tickets off to most. */
export function presets(now = new Date()): Preset[] {
  const of = (label: string, words: string): Preset[] => {
    const at = parseWhen(words, now);
    return at ? [{ label, at }] : [];
  };
  const isEarly = now.getHours() < EVENING - 3;
  return [
    ...of("In an hour", "1h"),
    ...(isEarly ? of("This evening", "today 18:00") : of("In three hours", "3h")),
    ...of("Tomorrow", "tomorrow"),
    ...of("Next Monday", "monday"),
    ...of("In a week", "1 week"),
    ...of("In a month", "1 month"),
  ];
}

/** An amount of the project's office hours, as the server counts it. */
export interface OfficeSpan {
  amount: number;
  unit: "minute" | "hour" | "day";
}

/** "4 office hours", "in 2 office days", "90 office minutes", "4oh"; null if the words mean none. */
export function parseOfficeSpan(words: string): OfficeSpan | null {
  const text = words.trim().toLowerCase().replace(/\s+/g, " ");
  const found =
    /^(?:in )?(an?|\d+(?:\.\d+)?) ?(?:(?:office|business|working|work) ?(minute|hour|day)s?|o([mhd]))$/.exec(
      text,
    );
  if (!found) return null;
  const amount = /^an?$/.test(found[1] ?? "") ? 1 : Number(found[1]);
  const unit = found[2] ?? { m: "minute", h: "hour", d: "day" }[found[3] ?? ""];
  if (!(amount > 0) || (unit !== "minute" && unit !== "hour" && unit !== "day")) return null;
  return { amount, unit };
}

/** `4 office hours`. */
export const officeSpanWords = ({ amount, unit }: OfficeSpan) =>
  `${amount} office ${unit}${amount === 1 ? "" : "s"}`;

/** What customers are promised most, in plain time. */
export function duePresets(now = new Date()): Preset[] {
  const of = (label: string, words: string): Preset[] => {
    const at = parseWhen(words, now);
    return at ? [{ label, at }] : [];
  };
  return [
    ...of("In an hour", "1h"),
    ...of("In four hours", "4h"),
    ...of("Today 18:00", "today 18:00"),
    ...of("Tomorrow", "tomorrow"),
    ...of("Next Monday", "monday"),
  ];
}
