import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { UserBasic } from "~/api/types";
import { presence } from "./presence.svelte";

const user = (id: number) => ({ id, first_name: `User ${id}` }) as UserBasic;
const hear = (id: number, state: "viewing" | "typing" | "left", ticket = "a") =>
  presence.hear({ ticket_id: ticket, viewer: user(id), state });
const seen = (ticket = "a") => presence.of(ticket).map((one) => one.id);
const typing = () =>
  presence
    .of("a")
    .filter((one) => one.isTyping)
    .map((one) => one.id);

beforeEach(() => {
  vi.useFakeTimers();
  presence.clear();
});
afterEach(() => {
  vi.useRealTimers();
});

test("people are seen at their ticket, in the order in which they came", () => {
  hear(1, "viewing");
  hear(2, "typing");
  hear(3, "viewing", "b");
  hear(1, "viewing");
  expect(seen()).toEqual([1, 2]);
  expect(seen("b")).toEqual([3]);
  expect(typing()).toEqual([2]);
  hear(1, "left");
  expect(seen()).toEqual([2]);
});

test("typing fades before the person does", () => {
  hear(1, "typing");
  vi.advanceTimersByTime(7_999);
  expect(typing()).toEqual([1]);
  vi.advanceTimersByTime(1);
  expect(typing()).toEqual([]);
  expect(seen()).toEqual([1]);
  vi.advanceTimersByTime(22_000);
  expect(seen()).toEqual([]);
});

test("a sign of life keeps a person, and ends the typing", () => {
  hear(1, "typing");
  vi.advanceTimersByTime(5_000);
  hear(1, "viewing");
  expect(typing()).toEqual([]);
  vi.advanceTimersByTime(29_999);
  expect(seen()).toEqual([1]);
});

test("the server's list takes out who has gone, and not who came after it was asked for", () => {
  hear(1, "typing");
  hear(2, "viewing");
  vi.advanceTimersByTime(10);
  const askedAt = Date.now();
  vi.advanceTimersByTime(10);
  hear(3, "viewing");
  presence.take("a", [user(1), user(4)], askedAt);
  expect(seen()).toEqual([1, 3, 4]);
  expect(typing()).toEqual([1]);
});
