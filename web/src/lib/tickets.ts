/** How tickets are told: names, words and marks for what is in them. */
import type { IconName } from "~/components/icons";
import type { Priority, Status, Ticket } from "~/api/tickets";
import type { Sort } from "./filters";

export const STATUS_WORDS: Record<Status, string> = {
  new: "New",
  open: "Open",
  pending: "Pending",
  on_hold: "On hold",
  resolved: "Resolved",
};

export const PRIORITY_WORDS: Record<Priority, string> = {
  critical: "Critical",
  high: "High",
  medium: "Medium",
  low: "Low",
};

export const CHANNEL_WORDS: Record<string, string> = {
  widget: "Chat widget",
  email: "E-mail",
  slack: "Slack",
  teams: "Teams",
  github: "GitHub",
};

const CHANNEL_ICONS: Record<string, IconName> = {
  widget: "widget",
  email: "mail",
  slack: "slack",
  teams: "teams",
  github: "github",
};

export const channelIcon = (channel: string): IconName => CHANNEL_ICONS[channel] ?? "chat";
export const channelWord = (channel: string) => CHANNEL_WORDS[channel] ?? channel;

/** Text of a trait that a client may have set to anything. */
function trait(ticket: Ticket, name: string): string {
  const traits = ticket.anonymous_traits as Record<string, unknown> | null;
  const value = traits && typeof traits === "object" ? traits[name] : null;
  return typeof value === "string" ? value.trim() : "";
}

/** Nobody has to look at it before some moment. */
export const isAsleep = ({ snoozed_until, status }: Ticket) =>
  snoozed_until !== null && status !== "resolved";

/** What the customer is called: by name, else by address, else not at all. */
export function customerName(ticket: Ticket): string {
  const property = ticket.person?.properties["name"];
  const named = typeof property === "string" ? property.trim() : "";
  return (
    named ||
    trait(ticket, "name") ||
    (ticket.person?.is_identified ? ticket.person.name : "") ||
    customerEmail(ticket) ||
    "Anonymous"
  );
}

export function customerEmail(ticket: Ticket): string {
  const property = ticket.person?.properties["email"];
  const known = typeof property === "string" ? property : "";
  return known || trait(ticket, "email") || ticket.email_from || "";
}

/** The time that one reads down a list in this order, and what it is. */
export function timeInOrder(ticket: Ticket, sort: Sort): { words: string; at: string } {
  if (sort.endsWith("created_at")) return { words: "Opened", at: ticket.created_at };
  if (sort === "sla_due_at" && ticket.sla_due_at) return { words: "Due", at: ticket.sla_due_at };
  return { words: "Last activity", at: ticket.updated_at };
}

/** How pressing the due date is. Only for what is not resolved. */
export function slaState(ticket: Ticket, now: number): "breached" | "at-risk" | "on-track" | null {
  if (!ticket.sla_due_at || ticket.status === "resolved") return null;
  const left = new Date(ticket.sla_due_at).getTime() - now;
  if (left < 0) return "breached";
  return left <= 3_600_000 ? "at-risk" : "on-track";
}
