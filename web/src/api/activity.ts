/** Who changed what (`/api/projects/:id/activity_log/`). */
import { get, type QueryValue } from "./client.ts";
import type { Page, UserBasic } from "./types.ts";

export interface Change {
  field: string;
  before: unknown;
  after: unknown;
}

export interface Activity {
  id: string;
  scope: string;
  item_id: string;
  activity: string;
  created_at: string;
  user: UserBasic | null;
  client?: string | null;
  detail: { name?: string; changes?: Change[] };
}

const base = (project: number) => `/api/projects/${project}/activity_log/`;

/** Of one ticket, the newest first. */
export const listOfTicket = (project: number, ticket: string, signal?: AbortSignal) =>
  get<Page<Activity>>(base(project), {
    query: { scope: "Ticket", item_id: ticket, limit: 100 },
    signal,
  });

/** Of the whole project, the newest first; narrowed by `scope` and `user`. */
export const list = (
  project: number,
  query: Record<"scope" | "user" | "limit" | "offset", QueryValue>,
  signal?: AbortSignal,
) => get<Page<Activity>>(base(project), { query, signal });
