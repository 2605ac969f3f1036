/** Prepared replies, and what their variables stand for. */
import * as api from "~/api/macros";
import type { Macro, MacroActions } from "~/api/macros";
import type { Ticket, TicketChange } from "~/api/tickets";
import { customerName } from "~/lib/tickets";

class Macros {
  list: Macro[] = $state.raw([]);

  async load(project: number) {
    try {
      const { results } = await api.list(project);
      this.list = results.toSorted((a, b) => a.name.localeCompare(b.name));
    } catch {
      // None can be offered then.
    }
  }
}

/** A macro's text for this ticket and this person. An unknown variable stays as it is. */
export function fill(content: string, ticket: Ticket, agent: { name: string; firstName: string }) {
  const values: Record<string, string> = {
    "customer.name": customerName(ticket),
    "ticket.number": String(ticket.ticket_number),
    "agent.name": agent.name,
    "agent.first_name": agent.firstName,
  };
  return content.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
}

/** What two macros after one another do: of what both set the later counts, and the tags of both are given. */
export function together(first: MacroActions, second: MacroActions): MacroActions {
  const tags = [...new Set([...(first.tags ?? []), ...(second.tags ?? [])])].sort();
  return { ...first, ...second, ...(tags.length > 0 && { tags }) };
}

/** What actions change of a ticket as it is now: its own tags stay. */
export function changeOf(actions: MacroActions, ticket: Ticket): TicketChange {
  const { tags, ...others } = actions;
  if (!tags?.length) return others;
  return { ...others, tags: [...new Set([...ticket.tags, ...tags])].sort() };
}

export const macros = new Macros();
