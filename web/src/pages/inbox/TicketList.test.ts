import { fireEvent, render } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tick } from "svelte";
import type { Ticket } from "~/api/tickets";
import { thread } from "~/stores/thread.svelte";
import { ticketList } from "~/stores/ticket-list.svelte";
import { tickets } from "~/stores/tickets.svelte";
import TicketList from "./TicketList.svelte";

const idOf = (number: number) => `ticket-${number}`;
const props = (openId: string | null) => ({
  projectId: 1,
  hrefOf: (number: number) => `/${number}`,
  sort: "-updated_at" as const,
  openId,
  isNarrowed: false,
  onclear: () => undefined,
});

function show(openId: string | null = null) {
  const shown = render(TicketList, props(openId));
  const viewport = shown.container.querySelector(".viewport") as HTMLElement;
  const rows = [...viewport.querySelectorAll("li")];
  return { ...shown, viewport, rows };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(ticketList, "ensure").mockImplementation(() => undefined);
  vi.spyOn(thread, "prefetch").mockResolvedValue();
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  for (const number of numbers) {
    tickets.put({
      id: idOf(number),
      ticket_number: number,
      status: "open",
      tags: [],
      anonymous_traits: {},
      unread_team_count: 0,
      last_message_text: "Hello",
      updated_at: "2026-01-01T00:00:00Z",
      created_at: "2026-01-01T00:00:00Z",
    } as unknown as Ticket);
  }
  ticketList.ids = numbers.map(idOf);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("a ticket is read ahead when the pointer rests on its row", async () => {
  const { rows } = show();
  await fireEvent.pointerEnter(rows[0] as Element);
  vi.advanceTimersByTime(40);
  await fireEvent.pointerLeave(rows[0] as Element);
  await fireEvent.pointerEnter(rows[1] as Element);
  expect(thread.prefetch).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  expect(vi.mocked(thread.prefetch).mock.calls).toEqual([[1, idOf(2)]]);
});

test("a ticket is read ahead at once when its row is pressed", async () => {
  const { rows } = show();
  await fireEvent.pointerDown(rows[2] as Element);
  expect(vi.mocked(thread.prefetch).mock.calls).toEqual([[1, idOf(3)]]);
});

test("rows that pass below a resting pointer are not read ahead, only the one where scrolling ends", async () => {
  const { viewport, rows } = show();
  for (const row of rows.slice(0, 5)) {
    await fireEvent.pointerEnter(row);
    for (let frame = 0; frame < 6; frame += 1) {
      vi.advanceTimersByTime(30);
      await fireEvent.scroll(viewport);
    }
    await fireEvent.pointerLeave(row);
  }
  expect(thread.prefetch).not.toHaveBeenCalled();
  await fireEvent.pointerEnter(rows[5] as Element);
  await fireEvent.scroll(viewport);
  vi.advanceTimersByTime(100);
  expect(vi.mocked(thread.prefetch).mock.calls).toEqual([[1, idOf(6)]]);
});

test("the open ticket comes into sight once, and not again when the list changes", async () => {
  const { viewport, rerender } = show(idOf(50));
  await tick();
  expect(viewport.scrollTop).toBeGreaterThan(0);
  viewport.scrollTop = 0;
  ticketList.ids = [...ticketList.ids].reverse();
  await tick();
  expect(viewport.scrollTop).toBe(0);
  await rerender(props(idOf(40)));
  expect(viewport.scrollTop).toBeGreaterThan(0);
});
