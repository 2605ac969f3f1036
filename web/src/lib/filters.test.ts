import { expect, test } from "vitest";
import { readFilters, savedSort, toQuery, toSaved, writeFilters } from "./filters";

const read = (query: string, ownSort?: Parameters<typeof readFilters>[1]) =>
  readFilters(new URLSearchParams(query), ownSort);

test("a view's own order holds until another is asked for, and is not asked for again", () => {
  const own = read("", "-created_at");
  expect(own.sort).toBe("-created_at");
  expect(writeFilters(own, "-created_at")["sort"]).toBeNull();
  expect(toQuery("view", own, "-created_at")["order_by"]).toBeNull();

  const other = read("sort=-updated_at", "-created_at");
  expect(other.sort).toBe("-updated_at");
  expect(writeFilters(other, "-created_at")["sort"]).toBe("-updated_at");
  expect(toQuery("view", other, "-created_at")["order_by"]).toBe("-updated_at");
});

test("the order of a saved view is read as it was saved", () => {
  for (const sort of ["-created_at", "created_at", "sla_due_at"] as const) {
    expect(savedSort(toSaved(read(`sort=${sort}`)))).toBe(sort);
  }
  expect(savedSort({ sorting: { columnKey: "created_at", order: "descend" } })).toBe("-created_at");
  expect(savedSort({ sorting: { columnKey: "mood", order: 1 } })).toBe("-updated_at");
  expect(savedSort({})).toBe("-updated_at");
  expect(savedSort(undefined)).toBe("-updated_at");
});
