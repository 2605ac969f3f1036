/** Messages as they are read: what somebody said, and what was answered, with the steps that led to it. */
import type { AiMessage, Message, ToolCall, ToolMessage } from "~/api/conversations";

export interface Step {
  call: ToolCall;
  /** Null while it is being done, or waits for an answer. */
  result: ToolMessage | null;
}

export type Part =
  | { kind: "text"; id: string; message: AiMessage }
  | { kind: "steps"; id: string; steps: Step[] }
  | { kind: "failure"; id: string; text: string | null };

export type Entry =
  { kind: "human"; id: string; content: string } | { kind: "reply"; id: string; parts: Part[] };

/** The form that a model can show. */
export const FORM = "create_form";
/** With which a model calls a person. */
const OPEN_TICKET = "create_ticket";

export function entriesOf(messages: Message[]): Entry[] {
  const results = new Map<string, ToolMessage>();
  for (const message of messages) {
    if (message.type === "tool") results.set(message.tool_call_id, message);
  }
  const entries: Entry[] = [];
  for (const message of messages) {
    if (message.type === "human") {
      entries.push({ kind: "human", id: message.id, content: message.content });
      continue;
    }
    const parts = partsOf(message, results);
    const last = entries.at(-1);
    if (last?.kind === "reply") last.parts.push(...parts);
    else if (parts.length > 0) entries.push({ kind: "reply", id: message.id, parts });
  }
  return entries;
}

function partsOf(message: Message, results: Map<string, ToolMessage>): Part[] {
  if (message.type === "ai/failure") {
    return [{ kind: "failure", id: message.id, text: message.content }];
  }
  if (message.type !== "ai") return [];
  const parts: Part[] = [];
  if (message.content || message.meta) parts.push({ kind: "text", id: message.id, message });
  const steps = (message.tool_calls ?? []).map((call) => ({
    call,
    result: results.get(call.id) ?? null,
  }));
  if (steps.length > 0) parts.push({ kind: "steps", id: `${message.id}-steps`, steps });
  return parts;
}

/** The form that waits to be filled in: a call without a result, since which nobody has written. */
export function openForm(messages: Message[]): ToolCall | null {
  const answered = new Set<string>();
  for (const message of messages.toReversed()) {
    if (message.type === "human") return null;
    if (message.type === "tool") answered.add(message.tool_call_id);
    if (message.type === "ai" && message.tool_calls?.length) {
      return (
        message.tool_calls.find((call) => call.name === FORM && !answered.has(call.id)) ?? null
      );
    }
  }
  return null;
}

/** The number of the ticket that was opened with an answer: by the command, or by a model, whose call is told it in words. */
export function openedTicket(parts: Part[]): number | null {
  for (const part of parts) {
    if (part.kind === "text" && part.message.meta?.ticket) return part.message.meta.ticket.number;
    if (part.kind !== "steps") continue;
    const result = part.steps.find(({ call }) => call.name === OPEN_TICKET)?.result;
    const number = /#(\d+)/.exec(result?.content ?? "")?.[1];
    if (number) return Number(number);
  }
  return null;
}

/** The name of a tool as words: `search_docs` is `Search docs`. */
export function wordsOf(name: string): string {
  const words = name
    .replace(/[_-]+/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .trim();
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}

/** The last question, to be asked once more. */
export function lastQuestion(messages: Message[]): string | null {
  const found = messages.findLast((message) => message.type === "human");
  return found?.type === "human" ? found.content : null;
}

/** What somebody has written; the command that calls a person, in the words of its button. */
export function inWords(content: string): string {
  const command = /^\/ticket(?:\s+(.*))?$/s.exec(content.trim());
  if (!command) return content;
  return command[1] ? `Talk to a person: ${command[1]}` : "Talk to a person";
}
