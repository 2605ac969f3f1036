/** Tickets of a project (`/api/projects/:id/conversations/tickets/`). */
import { get, type RequestOptions } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type Ticket = Schemas["Ticket"];

const base = (projectId: number) => `/api/projects/${projectId}/conversations/tickets/`;

export const list = (projectId: number, options?: RequestOptions) =>
  get<Page<Ticket>>(base(projectId), options);
