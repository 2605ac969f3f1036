import { expect, test } from "vitest";
import type { TicketMessage } from "~/api/tickets";
import { timeline } from "./timeline";

let second = 0;
const message = (content: string, author: "customer" | "support" | "AI"): TicketMessage => ({
  id: content,
  content,
  rich_content: null,
  author_type: author,
  author_name: author,
  created_by: null,
  is_private: author === "AI",
  created_at: new Date(1_700_000_000_000 + second++ * 1000).toISOString(),
  version: 0,
});
const shape = (messages: TicketMessage[], elsewhere: string | null = null) =>
  timeline(messages, [], () => "", elsewhere)
    .filter((entry) => entry.kind !== "day")
    .map((entry) =>
      entry.kind === "suggestions"
        ? entry.messages.map((one) => one.content)
        : entry.kind === "message" && entry.message.content,
    );

test("of several suggestions only the newest is shown, and the others are one line each time", () => {
  const messages = [
    message("Hello?", "customer"),
    message("first", "AI"),
    message("second", "AI"),
    message("Still there?", "customer"),
    message("third", "AI"),
    message("fourth", "AI"),
  ];
  expect(shape(messages)).toEqual([
    "Hello?",
    ["first", "second"],
    "Still there?",
    ["third"],
    "fourth",
  ]);
});

test("a suggestion that is shown beside the messages is not shown twice", () => {
  const messages = [message("Help", "customer"), message("one", "AI"), message("two", "AI")];
  expect(shape(messages, "two")).toEqual(["Help", ["one", "two"]]);
  expect(shape(messages, "something else")).toEqual(["Help", ["one"], "two"]);
});
