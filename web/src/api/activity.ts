/** Who changed what. */
import { get } from "./client.ts";
import type { Page, UserBasic } from "./types.ts";

export interface Change {
  field: string;
  before: unknown;
  after: unknown;
}

export interface Activity {
  id: string;
  activity: string;
  created_at: string;
  user: UserBasic | null;
  client?: string | null;
  detail: { name?: string; changes?: Change[] };
}

/** Of one ticket, the newest first. */
export const listOfTicket = (project: number, ticket: string, signal?: AbortSignal) =>
  get<Page<Activity>>(`/api/projects/${project}/activity_log/`, {
    query: { scope: "Ticket", item_id: ticket, page_size: 100, limit: 100 },
    signal,
  });
