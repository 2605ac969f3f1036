import { render } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Ticket } from "~/api/tickets";
import { clock } from "~/lib/clock.svelte";
import type { Sort } from "~/lib/filters";
import { fullTime } from "~/lib/time";
import TicketRow from "./TicketRow.svelte";

const NOW = new Date("2026-03-04T12:00:00Z");
const ticket = {
  id: "ticket",
  ticket_number: 7,
  status: "open",
  tags: [],
  anonymous_traits: {},
  unread_team_count: 0,
  created_at: "2026-03-04T04:00:00Z",
  last_message_at: "2026-03-04T09:00:00Z",
  updated_at: "2026-03-04T11:55:00Z",
  sla_due_at: "2026-03-04T14:00:00Z",
  snoozed_until: null,
} as unknown as Ticket;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  clock.now = NOW.getTime();
});
afterEach(() => void vi.useRealTimers());

/** The row of a ticket in a list with this order. */
function show(sort: Sort, more: Partial<Ticket> = {}) {
  const nothing = () => undefined;
  const { container } = render(TicketRow, {
    ticket: { ...ticket, ...more },
    sort,
    href: "/7",
    hasDraft: false,
    isOpen: false,
    isChosen: false,
    isChoosing: false,
    onchoose: nothing,
    onresolve: nothing,
    onsnooze: nothing,
  });
  return container;
}
const timeOf = (row: HTMLElement) => row.querySelector("time");
const wordsOf = (row: HTMLElement) => timeOf(row)?.textContent?.replace(/\s+/g, " ").trim();

test.each([
  { sort: "-updated_at", words: "Last activity 5m" },
  { sort: "updated_at", words: "Last activity 5m" },
  { sort: "-created_at", words: "Opened 8h" },
  { sort: "created_at", words: "Opened 8h" },
] as const)("in the order of $sort a row says: $words", ({ sort, words }) => {
  expect(wordsOf(show(sort))).toBe(words);
});

test("the time's title says which it is, and when the last message was if that is another", () => {
  const activity = `Last activity ${fullTime(ticket.updated_at)}`;
  const message = `Last message ${fullTime("2026-03-04T09:00:00Z")}`;
  expect(timeOf(show("-updated_at"))?.title).toBe(`${activity}\n${message}`);
  const same = show("-updated_at", { last_message_at: ticket.updated_at });
  expect(timeOf(same)?.title).toBe(activity);
});

test("in the order of due times a row says once when it is due", () => {
  const row = show("sla_due_at");
  expect(timeOf(row)).toBeNull();
  expect(row.textContent).toContain("Due in");
  expect(wordsOf(show("sla_due_at", { status: "resolved" }))).toMatch(/^Due \w+/);
  expect(wordsOf(show("sla_due_at", { sla_due_at: null }))).toBe("Last activity 5m");
});
