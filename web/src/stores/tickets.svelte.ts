/**
 * Every ticket that this page knows, once. The list and the open ticket look at the same one, so a change shows everywhere;
 * it shows at once, and is taken back if the server refuses it.
 */
import { SvelteMap } from "svelte/reactivity";
import * as api from "~/api/tickets";
import type { Ticket, TicketChange } from "~/api/tickets";

class Tickets {
  /** As the server told them last. */
  readonly #told = new Map<string, Ticket>();
  /** Changes that the server has not answered yet. */
  readonly #pending = new Map<string, TicketChange[]>();
  readonly #shown = new SvelteMap<string, Ticket>();

  find(id: string | undefined): Ticket | undefined {
    return id === undefined ? undefined : this.#shown.get(id);
  }

  findByNumber(number: number): Ticket | undefined {
    for (const ticket of this.#told.values()) {
      if (ticket.ticket_number === number) return this.#shown.get(ticket.id);
    }
    return undefined;
  }

  /** Takes over what the server told. */
  put(...tickets: Ticket[]) {
    for (const ticket of tickets) {
      this.#told.set(ticket.id, ticket);
      this.#show(ticket.id);
    }
  }

  /** Changes a ticket here and on the server. */
  async update(projectId: number, id: string, change: TicketChange): Promise<Ticket> {
    const pending = this.#pending.get(id) ?? [];
    this.#pending.set(id, [...pending, change]);
    this.#show(id);
    try {
      const ticket = await api.update(projectId, id, change);
      this.#told.set(id, ticket);
      return ticket;
    } finally {
      this.settle(id, change);
    }
  }

  /** Shows a change that somebody else carries out; {@link settle} ends that. */
  expect(id: string, change: TicketChange) {
    this.#pending.set(id, [...(this.#pending.get(id) ?? []), change]);
    this.#show(id);
  }

  settle(id: string, change: TicketChange) {
    const rest = (this.#pending.get(id) ?? []).filter((one) => one !== change);
    if (rest.length > 0) this.#pending.set(id, rest);
    else this.#pending.delete(id);
    this.#show(id);
  }

  /** Nobody has read it any more. */
  markRead(id: string) {
    const ticket = this.#told.get(id);
    if (ticket && ticket.unread_team_count > 0) this.put({ ...ticket, unread_team_count: 0 });
  }

  clear() {
    this.#told.clear();
    this.#pending.clear();
    this.#shown.clear();
  }

  #show(id: string) {
    const told = this.#told.get(id);
    if (told) this.#shown.set(id, (this.#pending.get(id) ?? []).reduce(changed, told));
  }
}

/** A ticket as it will be after a change. */
export function changed(ticket: Ticket, change: TicketChange): Ticket {
  const next: Ticket = { ...ticket, ...change, assignee: ticket.assignee };
  if (change.assignee !== undefined) next.assignee = change.assignee;
  if (change.tags)
    next.tags = [...new Set(change.tags.map((tag) => tag.trim().toLowerCase()))].sort();
  if (change.snoozed_until !== undefined && change.status === undefined) {
    if (change.snoozed_until && !ticket.snoozed_until) next.status = "on_hold";
    if (!change.snoozed_until && ticket.snoozed_until) next.status = "open";
  }
  return next;
}

/** The change that undoes a change. */
export function opposite(before: Ticket, change: TicketChange): TicketChange {
  const back: TicketChange = {};
  if (change.status !== undefined) back.status = before.status;
  if (change.priority !== undefined) back.priority = before.priority || null;
  if (change.assignee !== undefined) back.assignee = before.assignee && plainAssignee(before);
  if (change.tags !== undefined) back.tags = before.tags;
  if (change.sla_due_at !== undefined) back.sla_due_at = before.sla_due_at;
  if (change.snoozed_until !== undefined) {
    back.snoozed_until = before.snoozed_until;
    back.status = before.status;
  }
  return back;
}

function plainAssignee({ assignee }: Ticket): NonNullable<TicketChange["assignee"]> | null {
  if (!assignee) return null;
  return assignee.type === "user"
    ? { type: "user", id: assignee.id }
    : { type: "role", id: assignee.id };
}

export const tickets = new Tickets();
