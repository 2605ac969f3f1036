/** Prepared replies and actions. */
import { del, get, patch, post } from "./client.ts";
import type { Assignee, Priority, Status } from "./tickets.ts";
import type { Page } from "./types.ts";

export interface MacroActions {
  status?: Status;
  priority?: Priority | null;
  tags?: string[];
  assignee?: Assignee | null;
}

export interface Macro {
  id: string;
  short_id: string;
  name: string;
  description: string;
  /** Markdown with variables. */
  content: string;
  actions: MacroActions;
  visibility: "team" | "personal";
}

export type MacroChange = Partial<
  Pick<Macro, "name" | "description" | "content" | "actions" | "visibility"> & {
    /** The editor's document; null where there is only Markdown. */
    rich_content: unknown;
  }
>;

const base = (project: number) => `/api/projects/${project}/conversations/macros/`;

export const list = (project: number) => get<Page<Macro>>(base(project), { query: { limit: 500 } });

export const find = (project: number, shortId: string) => get<Macro>(`${base(project)}${shortId}/`);

export const create = (project: number, macro: MacroChange) => post<Macro>(base(project), macro);

export const update = (project: number, shortId: string, change: MacroChange) =>
  patch<Macro>(`${base(project)}${shortId}/`, change);

export const destroy = (project: number, shortId: string) => del(`${base(project)}${shortId}/`);
