/** What is done to tickets, one or many: it shows at once, can be undone, and says so when it did not work. */
import { explain } from "~/api/client";
import * as api from "~/api/tickets";
import type { Ticket, TicketChange } from "~/api/tickets";
import { announce } from "~/lib/announce.svelte";
import { until } from "~/lib/time";
import { officeSpanWords, type OfficeSpan } from "~/lib/when";
import { PRIORITY_WORDS, STATUS_WORDS } from "~/lib/tickets";
import { assignees } from "~/stores/assignees.svelte";
import { opposite, tickets } from "~/stores/tickets.svelte";
import { toasts } from "~/stores/toasts.svelte";

/** At most so many changes are under way at once. */
const AT_ONCE = 6;

/** Changes tickets, with a way back for a while. */
export async function change(project: number, ids: string[], wanted: TicketChange): Promise<void> {
  const before = ids.map((id) => tickets.find(id)).filter((ticket) => ticket !== undefined);
  const affected = before.filter((ticket) => isDifferent(ticket, wanted));
  if (affected.length === 0) return;
  const failed = await all(affected, (ticket) => tickets.update(project, ticket.id, wanted));
  const done = affected.filter((ticket) => !failed.has(ticket));
  if (done.length > 0) {
    const text = describe(done, wanted);
    announce(text);
    toasts.showDone(text, wayBack(project, done, wanted));
  }
  complain(project, failed, wanted);
}

/** Promises an answer within so many office hours. The server counts them, so only its answer says when that is. */
export async function promise(project: number, ids: string[], span: OfficeSpan): Promise<void> {
  const before = ids.map((id) => tickets.find(id)).filter((ticket) => ticket !== undefined);
  const failed = await all(before, async ({ id }) =>
    tickets.put(await api.promise(project, id, span)),
  );
  const done = before.filter((ticket) => !failed.has(ticket));
  const [only] = done;
  if (only) {
    const due = done.length === 1 ? tickets.find(only.id)?.sla_due_at : null;
    const text = `${nameOf(done)} due ${due ? until(due) : `in ${officeSpanWords(span)}`}`;
    announce(text);
    toasts.showDone(text, wayBack(project, done, { sla_due_at: null }));
  }
  const [first] = failed.values();
  if (first) toasts.show(`Not changed: ${explain(first)}`, { tone: "danger" });
}

/** Undoes what has just been done: to the tickets that are as it left them, and not to what others changed since. */
function wayBack(project: number, before: Ticket[], wanted: TicketChange): () => void {
  const steps = before.map((ticket) => {
    const back = opposite(ticket, wanted);
    return { id: ticket.id, back, left: valuesOf(ticket.id, back) };
  });
  const undo = async () => {
    const untouched = steps.filter(({ id, back, left }) => valuesOf(id, back) === left);
    const failed = await all(untouched, ({ id, back }) => tickets.update(project, id, back));
    const [first] = failed.values();
    const overtaken = steps.length - untouched.length;
    if (first) toasts.show(`Not undone: ${explain(first)}`, { tone: "danger" });
    else if (overtaken > 0)
      toasts.show(`Not undone for ${count(overtaken)}: somebody has changed that since.`);
    else announce("Undone");
  };
  return () => void undo();
}

/** What a ticket has now where a change would change it, to be compared. */
function valuesOf(id: string, change: TicketChange): string {
  const ticket = tickets.find(id);
  return JSON.stringify(Object.keys(change).map((field) => ticket?.[field as keyof TicketChange]));
}

/** Gives tags to many tickets, or takes them away. */
export async function tagMany(
  project: number,
  ids: string[],
  action: "add" | "remove",
  tag: string,
): Promise<void> {
  try {
    const { updated } = await api.bulkUpdateTags(project, ids, action, [tag]);
    const back = action === "add" ? "remove" : "add";
    const words =
      action === "add"
        ? `Tagged ${count(updated.length)} “${tag}”`
        : `Tag “${tag}” taken from ${count(updated.length)}`;
    const changed = updated.map((one) => one.id);
    toasts.showDone(words, () => void tagMany(project, changed, back, tag));
  } catch (error) {
    toasts.show(`Not tagged: ${explain(error)}`, { tone: "danger" });
  }
}

function complain(project: number, failed: Map<Ticket, unknown>, wanted: TicketChange) {
  const [first] = failed.values();
  if (!first) return;
  const ids = [...failed.keys()].map((ticket) => ticket.id);
  const what = failed.size === 1 ? "Not changed" : `${count(failed.size)} not changed`;
  toasts.show(`${what}: ${explain(first)}`, {
    tone: "danger",
    action: { label: "Try again", run: () => void change(project, ids, wanted) },
  });
}

/** Runs something for each; what failed, with its error. */
async function all<T>(list: T[], run: (ticket: T) => Promise<unknown>): Promise<Map<T, unknown>> {
  const failed = new Map<T, unknown>();
  const rest = [...list];
  const worker = async () => {
    for (let ticket = rest.shift(); ticket; ticket = rest.shift()) {
      try {
        await run(ticket);
      } catch (error) {
        failed.set(ticket, error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}

function isDifferent(ticket: Ticket, wanted: TicketChange): boolean {
  const same = (one: Ticket["assignee"], other: TicketChange["assignee"]) =>
    one?.type === other?.type && one?.id === other?.id;
  if (wanted.status !== undefined && wanted.status !== ticket.status) return true;
  if (wanted.priority !== undefined && (wanted.priority ?? "") !== (ticket.priority ?? ""))
    return true;
  if (wanted.assignee !== undefined && !same(ticket.assignee, wanted.assignee)) return true;
  if (wanted.tags && wanted.tags.join() !== ticket.tags.join()) return true;
  if (wanted.snoozed_until !== undefined && wanted.snoozed_until !== ticket.snoozed_until)
    return true;
  return wanted.sla_due_at !== undefined && wanted.sla_due_at !== ticket.sla_due_at;
}

const count = (number: number) => (number === 1 ? "1 ticket" : `${number} tickets`);

/** `#12`, or `3 tickets`. */
export const nameOf = (done: Ticket[]) =>
  done.length === 1 ? `#${done[0]?.ticket_number}` : count(done.length);

function describe(done: Ticket[], wanted: TicketChange): string {
  const what = nameOf(done);
  if (wanted.snoozed_until) return `${what} snoozed until ${until(wanted.snoozed_until)}`;
  if (wanted.snoozed_until === null) return `${what} is back`;
  if (wanted.sla_due_at) return `${what} due ${until(wanted.sla_due_at)}`;
  if (wanted.sla_due_at === null) return `${what}: no due time`;
  if (wanted.status) return `${what}: ${STATUS_WORDS[wanted.status].toLowerCase()}`;
  if (wanted.priority) return `${what}: ${PRIORITY_WORDS[wanted.priority].toLowerCase()} priority`;
  if (wanted.priority === null) return `${what}: no priority`;
  if (wanted.assignee === null) return `${what} unassigned`;
  if (wanted.assignee) return `${what} assigned to ${assignees.nameOf(wanted.assignee)}`;
  if (wanted.tags) return `${what}: ${tagWords(done, wanted.tags)}`;
  return `${what} changed`;
}

/** Which tags came and went, where it is one ticket's. */
function tagWords([ticket, ...others]: Ticket[], tags: string[]): string {
  if (!ticket || others.length > 0) return "tags changed";
  const list = (names: string[]) => names.map((name) => `“${name}”`).join(", ");
  const added = tags.filter((tag) => !ticket.tags.includes(tag));
  const removed = ticket.tags.filter((tag) => !tags.includes(tag));
  const words = [];
  if (added.length > 0) words.push(`tagged ${list(added)}`);
  if (removed.length > 0) words.push(`no longer tagged ${list(removed)}`);
  return words.join(", ");
}
