import { expect, test } from "vitest";
import type { TicketMessage } from "~/api/tickets";
import { session } from "./session.svelte";
import { authorOf, isByOther, newsWords } from "./thread.svelte";

const mira = { id: 2, first_name: "Mira", last_name: "Okafor", email: "mira@example.com" };
const message = (author_type: string, author_name: string, created_by: object | null) =>
  ({ author_type, author_name, created_by }) as TicketMessage;

test("a colleague is called by the whole name, and everybody else as the message says", () => {
  expect(authorOf(message("support", "Mira", mira))).toBe("Mira Okafor");
  expect(authorOf(message("AI", "Thicket AI", mira))).toBe("Thicket AI");
  expect(authorOf(message("customer", "Clara", mira))).toBe("Clara");
  expect(authorOf(message("support", "A workflow", null))).toBe("A workflow");
});

const from = (author_type: string, more: object = {}) =>
  ({ ...message(author_type, "Clara", null), is_private: false, ...more }) as TicketMessage;

test("what others have sent the customer is news, and what is private or one's own is not", () => {
  session.me = { id: 2 } as typeof session.me;
  expect(isByOther(from("customer"))).toBe(true);
  expect(isByOther(from("AI"))).toBe(true);
  expect(isByOther(from("support", { created_by: { ...mira, id: 3 } }))).toBe(true);
  expect(isByOther(from("support", { created_by: mira }))).toBe(false);
  expect(isByOther(from("support", { is_private: true }))).toBe(false);
  expect(isByOther(from("AI", { is_private: true }))).toBe(false);
});

test("news are told by who has written them, once each", () => {
  const news = [from("customer"), from("support", { created_by: mira }), from("customer")];
  expect(newsWords(news, "Clara Hoffmann")).toBe(
    "Clara Hoffmann has written meanwhile. A colleague, Mira Okafor, has answered meanwhile.",
  );
  expect(newsWords([from("AI")], "Clara")).toBe("The assistant has answered meanwhile.");
  expect(newsWords([], "Clara")).toBe("");
});
