/** A ticket's history in one line of time: messages, what was done in between, and where a new day begins. */
import type { Activity, Change } from "~/api/activity";
import type { TicketMessage } from "~/api/tickets";
import { PRIORITY_WORDS, STATUS_WORDS } from "./tickets";
import { dayName, isSameDay, until } from "./time";

export type Entry =
  | { kind: "day"; key: string; label: string }
  | { kind: "message"; key: string; message: TicketMessage; follows: boolean }
  | { kind: "activity"; key: string; who: string; text: string; at: string };

/** Messages of one author so close together are drawn as one block. */
const TOGETHER_MS = 5 * 60_000;

export function timeline(
  messages: TicketMessage[],
  activities: Activity[],
  nameOf: (user: NonNullable<Activity["user"]>) => string,
): Entry[] {
  const entries: Entry[] = [];
  const done = activities.filter((activity) => describe(activity) !== null);
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
      const text = describe(one) ?? "";
      entries.push({ kind: "activity", key: one.id, who, text, at: one.created_at });
      before = null;
    }
  };

  for (const message of messages) {
    doneUpTo(message.created_at);
    day(message.created_at);
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

function isTogether(a: TicketMessage, b: TicketMessage): boolean {
  return (
    a.author_type === b.author_type &&
    a.author_name === b.author_name &&
    a.is_private === b.is_private &&
    new Date(b.created_at).getTime() - new Date(a.created_at).getTime() < TOGETHER_MS
  );
}

/** What was done, as the rest of a sentence that begins with who did it; null for what goes without saying. */
export function describe(activity: Activity): string | null {
  const changes = activity.detail.changes ?? [];
  if (activity.activity === "created") return "opened the ticket";
  if (activity.activity === "merged") return "merged tickets";
  if (activity.activity === "deleted") return "deleted the ticket";
  const parts = changes.map(describeChange).filter((part) => part !== null);
  return parts.length > 0 ? parts.join(" and ") : null;
}

function describeChange({ field, after }: Change): string | null {
  if (field === "status") return `set the status to ${word(STATUS_WORDS, after)}`;
  if (field === "priority") {
    return after ? `set the priority to ${word(PRIORITY_WORDS, after)}` : "removed the priority";
  }
  if (field === "assignee") {
    if (!after) return "unassigned it";
    const { user, role } = after as { user?: { email?: string }; role?: { name?: string } };
    return `assigned it to ${role?.name ?? user?.email ?? "somebody"}`;
  }
  if (field === "snoozed_until")
    return after ? `snoozed it until ${until(String(after))}` : "brought it back";
  if (field === "sla_due_at")
    return after ? `made it due ${until(String(after))}` : "removed the due date";
  return null;
}

function word(words: Record<string, string>, value: unknown): string {
  return (words[String(value)] ?? String(value)).toLowerCase();
}
