/** Tickets of a project, and what is done with them (`/api/projects/:id/conversations/tickets/`). */
import { uuid } from "../lib/uuid.ts";
import { del, get, patch, post, type QueryValue } from "./client.ts";
import type { Page, Schemas, UserBasic } from "./types.ts";

export const STATUSES = ["new", "open", "pending", "on_hold", "resolved"] as const;
export type Status = (typeof STATUSES)[number];
export const PRIORITIES = ["critical", "high", "medium", "low"] as const;
export type Priority = (typeof PRIORITIES)[number];

export type Assignee =
  | { type: "user"; id: number; user?: { email: string } | null }
  | { type: "role"; id: string; role?: { name: string } | null };

export interface TicketPerson {
  id: string;
  name: string;
  distinct_ids: string[];
  properties: Record<string, unknown>;
  created_at: string;
  is_identified: boolean;
}

export type Ticket = Omit<
  Schemas["Ticket"],
  "status" | "priority" | "assignee" | "person" | "merged_tickets"
> & {
  status: Status;
  priority: Priority | "" | null;
  assignee: Assignee | null;
  person: TicketPerson | null;
  merged_tickets: { id: string; ticket_number: number }[];
};

/** What can be changed of a ticket. */
export interface TicketChange {
  status?: Status;
  priority?: Priority | null;
  assignee?: { type: "user"; id: number } | { type: "role"; id: string } | null;
  tags?: string[];
  snoozed_until?: string | null;
  sla_due_at?: string | null;
}

export type TicketMessage = Schemas["TicketMessage"];

export interface NewReply {
  message: string;
  is_private: boolean;
  rich_content?: Record<string, unknown> | null;
}

export type TicketQuery = Record<string, QueryValue>;

export interface Source {
  article_id?: string | null;
  title?: string | null;
  url?: string | null;
  heading?: string | null;
  ticket_number?: number | null;
}

export interface Suggestion {
  suggestion: string;
  sources?: Source[];
}

const base = (project: number) => `/api/projects/${project}/conversations/tickets/`;
const one = (project: number, id: string | number) => `${base(project)}${id}/`;

export const list = (project: number, query: TicketQuery, signal?: AbortSignal) =>
  get<Page<Ticket>>(base(project), { query, signal });

/** A ticket by its id or its number. It counts as read by the team from now on. */
export const find = (project: number, id: string | number, signal?: AbortSignal) =>
  get<Ticket>(one(project, id), { signal });

export const update = (project: number, id: string, change: TicketChange) =>
  patch<Ticket>(one(project, id), change);

export const destroy = (project: number, id: string) => del(one(project, id));

/** Oldest first, notes included. */
export const listMessages = (
  project: number,
  id: string,
  query: TicketQuery,
  signal?: AbortSignal,
) => get<Page<TicketMessage>>(`${one(project, id)}messages/`, { query, signal });

/** `attempt` names it: sent again under the same name, within a day, it is not made twice. */
export const reply = (project: number, id: string, message: NewReply, attempt: string) =>
  post<TicketMessage>(`${one(project, id)}reply/`, message, {
    headers: { "Idempotency-Key": attempt },
  });

export const updateNote = (project: number, id: string, note: string, message: string) =>
  patch<TicketMessage>(`${one(project, id)}notes/${note}/`, { message });

export const destroyNote = (project: number, id: string, note: string) =>
  del(`${one(project, id)}notes/${note}/`);

export const suggestReply = (project: number, id: string, signal?: AbortSignal) =>
  post<Suggestion>(`${one(project, id)}suggest_reply/`, undefined, { signal, timeoutMs: 120_000 });

export const merge = (project: number, id: string, target: string) =>
  post<Schemas["TicketMerged"]>(`${one(project, id)}merge/`, { target_ticket_id: target });

/** Sets the due time to so many of the project's office hours from now on. */
export const promise = (
  project: number,
  id: string,
  { amount, unit }: { amount: number; unit: "minute" | "hour" | "day" },
) =>
  patch<Ticket>(one(project, id), {
    sla_amount: amount,
    sla_unit: unit,
    sla_business_hours: "project",
  });

/** This window: whoever closes one of two has not left. */
const TAB = uuid();

/** Says that we look at a ticket, and learns who else does. To be repeated within 30 s; typing counts for 8 s. */
export const lookAt = (project: number, id: string, isTyping: boolean) =>
  post<{ viewers: UserBasic[] }>(`${one(project, id)}presence/`, {
    is_typing: isTyping,
    tab: TAB,
  });

/** Says that we look at it no more; also while the page goes away. */
export const leave = (project: number, id: string) =>
  post<unknown>(
    `${one(project, id)}presence/`,
    { is_leaving: true, tab: TAB },
    { keepalive: true },
  );

export const bulkUpdateStatus = (project: number, ids: string[], status: Status) =>
  post<Schemas["TicketBulkStatusResult"]>(`${base(project)}bulk_update_status/`, { ids, status });

export const bulkUpdateTags = (
  project: number,
  ids: string[],
  action: "add" | "remove" | "set",
  tags: string[],
) =>
  post<Schemas["TicketBulkTagsResult"]>(`${base(project)}bulk_update_tags/`, { ids, action, tags });
