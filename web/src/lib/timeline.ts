/** A ticket's history in one line of time: messages, what was done in between, and where a new day begins. */
import type { Activity } from "~/api/activity";
import type { Assignee, TicketMessage } from "~/api/tickets";
import { describe } from "./activity";
import { dayName, isSameDay } from "./time";

export type Entry =
  | { kind: "day"; key: string; label: string }
  | { kind: "message"; key: string; message: TicketMessage; follows: boolean }
  /** Suggestions that a newer one has taken the place of, drawn as one line. */
  | { kind: "suggestions"; key: string; messages: TicketMessage[] }
  | { kind: "activity"; key: string; who: string; text: string; at: string };

/** Messages of one author so close together are drawn as one block. */
const TOGETHER_MS = 5 * 60_000;

export function timeline(
  messages: TicketMessage[],
  activities: Activity[],
  nameOf: (user: NonNullable<Activity["user"]>) => string,
  /** A suggestion that the page shows beside the messages already. */
  shownElsewhere: string | null = null,
  nameOfAssignee?: (assignee: Assignee) => string,
): Entry[] {
  const entries: Entry[] = [];
  const done = activities.filter((activity) => describe(activity, nameOfAssignee) !== null);
  let lastAt: string | null = null;
  let before: TicketMessage | null = null;
  let next = 0;

  const day = (at: string) => {
    if (lastAt === null || !isSameDay(lastAt, at)) {
      entries.push({ kind: "day", key: `day-${at}`, label: dayName(at) });
      before = null;
    }
    lastAt = at;
  };
  const doneUpTo = (at: string | null) => {
    for (let one = done[next]; one && (at === null || one.created_at < at); one = done[next]) {
      next += 1;
      day(one.created_at);
      const who = one.user ? nameOf(one.user) : "Thicket";
      const text = describe(one, nameOfAssignee) ?? "";
      entries.push({ kind: "activity", key: one.id, who, text, at: one.created_at });
      before = null;
    }
  };

  const newest = messages.findLast(isSuggestion);
  for (const message of messages) {
    doneUpTo(message.created_at);
    day(message.created_at);
    if (isSuggestion(message) && (message !== newest || message.content === shownElsewhere)) {
      const last = entries.at(-1);
      if (last?.kind === "suggestions") last.messages.push(message);
      else entries.push({ kind: "suggestions", key: message.id, messages: [message] });
      before = null;
      continue;
    }
    entries.push({
      kind: "message",
      key: message.id,
      message,
      follows: before !== null && isTogether(before, message),
    });
    before = message;
  }
  doneUpTo(null);
  return entries;
}

/** A reply that the assistant suggests: a note that only the team sees. */
export function isSuggestion(message: TicketMessage): boolean {
  return message.is_private && message.author_type === "AI";
}

function isTogether(a: TicketMessage, b: TicketMessage): boolean {
  return (
    a.author_type === b.author_type &&
    a.author_name === b.author_name &&
    a.created_by?.id === b.created_by?.id &&
    a.is_private === b.is_private &&
    new Date(b.created_at).getTime() - new Date(a.created_at).getTime() < TOGETHER_MS
  );
}
