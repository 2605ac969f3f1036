import { expect, test } from "vitest";
import type { TicketMessage } from "~/api/tickets";
import { authorOf } from "./thread.svelte";

const mira = { id: 2, first_name: "Mira", last_name: "Okafor", email: "mira@example.com" };
const message = (author_type: string, author_name: string, created_by: object | null) =>
  ({ author_type, author_name, created_by }) as TicketMessage;

test("a colleague is called by the whole name, and everybody else as the message says", () => {
  expect(authorOf(message("support", "Mira", mira))).toBe("Mira Okafor");
  expect(authorOf(message("AI", "Thicket AI", mira))).toBe("Thicket AI");
  expect(authorOf(message("customer", "Clara", mira))).toBe("Clara");
  expect(authorOf(message("support", "A workflow", null))).toBe("A workflow");
});
