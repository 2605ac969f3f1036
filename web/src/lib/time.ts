/** Times as people say them. All of it in the browser's own language and zone. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const monthAndYear = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const medium = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const longDay = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const longDayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

/** As short as can be, for a list: `now`, `5m`, `3h`, `Tue`, `4 Mar`, `Mar 2025`. */
export function ago(time: string, now = Date.now()): string {
  const date = new Date(time);
  const passed = now - date.getTime();
  if (passed < MINUTE) return "now";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)}m`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)}h`;
  if (passed < 6 * DAY) return weekday.format(date);
  return new Date(now).getFullYear() === date.getFullYear()
    ? dayAndMonth.format(date)
    : monthAndYear.format(date);
}

/** The same, as it ends a sentence: `just now`, `5m ago`, `on Tue`, `on 4 Mar`, `in Mar 2025`. */
export function since(time: string, now = Date.now()): string {
  const words = ago(time, now);
  const date = new Date(time);
  const passed = now - date.getTime();
  if (passed < MINUTE) return `just ${words}`;
  if (passed < DAY) return `${words} ago`;
  const isYear = new Date(now).getFullYear() !== date.getFullYear() && passed >= 6 * DAY;
  return isYear ? `in ${words}` : `on ${words}`;
}

/** A length of time in its largest unit, rounded down: `40s`, `12m`, `3h`, `5d`. */
export function span(ms: number): string {
  const length = Math.abs(ms);
  if (length < MINUTE) return `${Math.floor(length / 1000)}s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)}m`;
  if (length < 2 * DAY) {
    const hours = Math.floor(length / HOUR);
    const minutes = Math.floor((length % HOUR) / MINUTE);
    return hours < 4 && minutes > 0 ? `${hours}h ${minutes}m` : `${hours}h`;
  }
  return `${Math.floor(length / DAY)}d`;
}

/** `14:05` */
export const timeOfDay = (time: string) => clock.format(new Date(time));

/** `4 Mar 2026, 14:05`, shorter than the whole. */
export const dateAndTime = (time: string) => medium.format(new Date(time));

/** The whole of it, for a tooltip. */
export const fullTime = (time: string) => whole.format(new Date(time));

/** `Today`, `Yesterday`, `Tuesday, 4 March`. */
export function dayName(time: string, now = Date.now()): string {
  const date = new Date(time);
  const days = Math.round((startOfDay(new Date(now)) - startOfDay(date)) / DAY);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return new Date(now).getFullYear() === date.getFullYear()
    ? longDay.format(date)
    : longDayAndYear.format(date);
}

/** When something will be: `today 17:00`, `tomorrow 9:00`, `Mon 9:00`, `4 Mar 9:00`. */
export function until(time: string, now = Date.now()): string {
  const date = new Date(time);
  const days = Math.round((startOfDay(date) - startOfDay(new Date(now))) / DAY);
  const at = clock.format(date);
  if (days === 0) return `today ${at}`;
  if (days === 1) return `tomorrow ${at}`;
  if (days > 1 && days < 7) return `${weekday.format(date)} ${at}`;
  return `${dayAndMonth.format(date)} ${at}`;
}

export const isSameDay = (a: string, b: string) =>
  startOfDay(new Date(a)) === startOfDay(new Date(b));

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
