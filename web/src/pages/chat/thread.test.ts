import { expect, test } from "vitest";
import type { Message } from "~/api/conversations";
import { entriesOf, inWords, openedTicket, openForm, wordsOf } from "./thread.ts";

const human = (id: string, content: string) =>
  ({
    type: "human",
    id,
    content,
    trace_id: null,
    ui_context: null,
    parent_tool_call_id: null,
  }) as Message;
const ai = (id: string, content: string, calls: string[] = [], name = "search_docs") =>
  ({
    type: "ai",
    id,
    content,
    meta: null,
    parent_tool_call_id: null,
    tool_calls: calls.map((call) => ({ id: call, name, args: {}, type: "tool_call" })),
  }) as Message;
const tool = (id: string, call: string) =>
  ({
    type: "tool",
    id,
    content: "done",
    tool_call_id: call,
    ui_payload: null,
    parent_tool_call_id: null,
  }) as Message;

test("what follows a question is one reply, with the results beside their calls", () => {
  const entries = entriesOf([
    human("1", "a?"),
    ai("2", "let me see", ["c1"]),
    tool("3", "c1"),
    ai("4", "b."),
    human("5", "thanks"),
  ]);
  expect(entries.map((entry) => entry.kind)).toEqual(["human", "reply", "human"]);
  const reply = entries[1];
  if (reply?.kind !== "reply") throw new Error("no reply");
  expect(reply.parts.map((part) => part.kind)).toEqual(["text", "steps", "text"]);
  const steps = reply.parts[1];
  if (steps?.kind !== "steps") throw new Error("no steps");
  expect(steps.steps[0]?.result?.id).toBe("3");
});

test("an answer of nothing but calls has no empty text", () => {
  const [reply] = entriesOf([ai("1", "", ["c1"])]);
  expect(reply?.kind === "reply" && reply.parts.map((part) => part.kind)).toEqual(["steps"]);
});

test("a form is open until it has a result or somebody writes on", () => {
  const asked = [human("1", "a"), ai("2", "", ["c1"], "create_form")];
  expect(openForm(asked)?.id).toBe("c1");
  expect(openForm([...asked, tool("3", "c1")])).toBeNull();
  expect(openForm([...asked, human("3", "never mind")])).toBeNull();
  expect(openForm([human("1", "a"), ai("2", "", ["c1"])])).toBeNull();
});

test("names of tools are read as words", () => {
  expect(wordsOf("search_docs")).toBe("Search docs");
  expect(wordsOf("openTicket")).toBe("Open ticket");
});

test("the command that calls a person is shown in words, and nothing else is touched", () => {
  expect(inWords("/ticket")).toBe("Talk to a person");
  expect(inWords("/ticket My mails\nare gone")).toBe("Talk to a person: My mails\nare gone");
  expect(inWords("/tickets are what?")).toBe("/tickets are what?");
  expect(inWords("  indented")).toBe("  indented");
});

test("a ticket that was opened is found by the command's answer, and by what a model's call was told", () => {
  const ticketOf = (messages: Message[]) => {
    const [reply] = entriesOf(messages);
    return reply?.kind === "reply" ? openedTicket(reply.parts) : undefined;
  };
  const byCommand = {
    ...ai("1", "I have opened ticket #7."),
    meta: { ticket: { id: "t", number: 7 } },
  };
  expect(ticketOf([byCommand as Message])).toBe(7);
  const called = ai("1", "", ["c1"], "create_ticket");
  const told = (content: string) => ({ ...tool("2", "c1"), content }) as Message;
  expect(ticketOf([called, told("Ticket #12 has been opened.")])).toBe(12);
  expect(ticketOf([called, told("A ticket has been opened already; one is enough.")])).toBeNull();
  expect(ticketOf([ai("1", "", ["c1"]), told("Article #3")])).toBeNull();
  expect(ticketOf([called])).toBeNull();
});
