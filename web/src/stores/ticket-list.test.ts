import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ticketList } from "./ticket-list.svelte";
import type { Ticket } from "~/api/tickets";

/** What the server has, by place. */
let ids: string[];
let asked: URLSearchParams[];
/** Answers that are held back until they are let go. */
let held: (() => void)[] | null;

const ticket = (id: string) =>
  ({ id, ticket_number: 1, updated_at: "2026-01-01T00:00:00Z", tags: [] }) as unknown as Ticket;

beforeEach(() => {
  vi.useFakeTimers();
  ids = Array.from({ length: 120 }, (_, place) => `t${place}`);
  asked = [];
  held = null;
  vi.stubGlobal("fetch", async (path: string) => {
    const query = new URL(path, "http://localhost").searchParams;
    asked.push(query);
    const wanted = query.get("ids")?.split(",");
    const found = wanted ? ids.filter((id) => wanted.includes(id)) : ids;
    const offset = Number(query.get("offset"));
    const results = found.slice(offset, offset + Number(query.get("limit"))).map(ticket);
    const answer = JSON.stringify({ count: found.length, results });
    if (held && !wanted) await new Promise<void>((resolve) => held?.push(resolve));
    return new Response(answer, { headers: { "Content-Type": "application/json" } });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Every test has a list of its own, which is another query. */
let list = 0;
async function open() {
  list += 1;
  ticketList.open(1, { view: `v${list}` }, "-updated_at");
  await vi.waitFor(() => expect(ticketList.state).toBe("ready"));
}

test("what is looked at is loaded, once", async () => {
  await open();
  expect(ticketList.length).toBe(120);
  expect(ticketList.ids[60]).toBeUndefined();
  ticketList.ensure(40, 70);
  ticketList.ensure(40, 71);
  await vi.waitFor(() => expect(ticketList.ids[60]).toBe("t60"));
  expect(asked.filter((query) => query.get("offset") === "50")).toHaveLength(1);
});

test("a row that moves up into what was loaded is loaded too", async () => {
  await open();
  const [gone = ""] = ids.splice(0, 1);
  ticketList.touch(gone);
  await vi.advanceTimersByTimeAsync(100);
  expect(ticketList.ids[0]).toBe("t1");
  expect(ticketList.ids[49]).toBeUndefined();
  ticketList.ensure(30, 49);
  await vi.waitFor(() => expect(ticketList.ids[49]).toBe("t50"));
});

test("a change that comes while the list is read is not forgotten", async () => {
  await open();
  held = [];
  void ticketList.reload();
  await vi.waitFor(() => expect(held).toHaveLength(1));
  // The answer was made before this.
  const [gone = ""] = ids.splice(2, 1);
  ticketList.touch(gone);
  await vi.advanceTimersByTimeAsync(100);
  const [release] = held;
  held = null;
  release?.();
  await vi.waitFor(() => expect(ticketList.state).toBe("ready"));
  expect(ticketList.ids).toContain(gone);
  await vi.advanceTimersByTimeAsync(100);
  await vi.waitFor(() => expect(ticketList.ids).not.toContain(gone));
});

test("a range is chosen from the last choice on", async () => {
  await open();
  ticketList.choose("t3");
  ticketList.choose("t6", true);
  expect([...ticketList.chosen]).toEqual(["t3", "t4", "t5", "t6"]);
  ticketList.choose("t4");
  expect([...ticketList.chosen]).toEqual(["t3", "t5", "t6"]);
});

test("the boxes are there before the first is ticked, and go when none is wanted", async () => {
  await open();
  expect(ticketList.isChoosing).toBe(false);
  ticketList.beginChoosing();
  expect(ticketList.isChoosing).toBe(true);
  ticketList.choose("t3");
  ticketList.choose("t3");
  expect(ticketList.isChoosing).toBe(true);
  ticketList.chooseNone();
  expect(ticketList.isChoosing).toBe(false);
});

test("choosing ends when all that was chosen has left the list", async () => {
  await open();
  ticketList.beginChoosing();
  ticketList.choose("t3");
  ids.splice(3, 1);
  ticketList.touch("t3");
  await vi.advanceTimersByTimeAsync(100);
  expect([...ticketList.chosen]).toEqual([]);
  expect(ticketList.isChoosing).toBe(false);
});
