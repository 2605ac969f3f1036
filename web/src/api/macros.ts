/** Prepared replies and actions. */
import { get } from "./client.ts";
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

export const list = (project: number) =>
  get<Page<Macro>>(`/api/projects/${project}/conversations/macros/`, { query: { limit: 500 } });
