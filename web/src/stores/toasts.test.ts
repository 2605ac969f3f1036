import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { toasts } from "./toasts.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
});

const shown = () => toasts.list.map(({ text }) => text);

test("of what went well only the last two are told, and every failure is", () => {
  toasts.show("one failed", { tone: "danger" });
  for (const text of ["a", "b", "c"]) toasts.show(text);
  toasts.show("another failed", { tone: "danger" });
  expect(shown()).toEqual(["one failed", "b", "c", "another failed"]);
});
