/** Saved views of the list of tickets, and how much is in each. */
import { del, get, patch, post } from "./client.ts";
import type { Page, UserBasic } from "./types.ts";

export interface View {
  id: string;
  short_id: string;
  name: string;
  filters: Record<string, unknown>;
  visibility: "shared" | "private";
  is_favorited: boolean;
  created_at: string;
  created_by: UserBasic | null;
}

export interface ViewCount {
  count: number;
  unread: number;
}

export interface ViewCounts {
  built_in: Record<string, ViewCount>;
  views: Record<string, ViewCount>;
}

const base = (project: number) => `/api/projects/${project}/conversations/views/`;

export const list = (project: number) => get<Page<View>>(base(project), { query: { limit: 500 } });

export const counts = (project: number) => get<ViewCounts>(`${base(project)}counts/`);

export const create = (
  project: number,
  view: Pick<View, "name" | "filters" | "visibility"> & { is_favorited?: boolean },
) => post<View>(base(project), view);

export const update = (project: number, shortId: string, change: Partial<View>) =>
  patch<View>(`${base(project)}${shortId}/`, change);

export const destroy = (project: number, shortId: string) => del(`${base(project)}${shortId}/`);
