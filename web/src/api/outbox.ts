/** Mails that wait, and those that were sent (`/api/projects/:id/conversations/outbox/`). */
import { get } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type OutgoingMail = Schemas["OutgoingMail"];

export const list = (projectId: number, limit: number, offset: number) =>
  get<Page<OutgoingMail>>(`/api/projects/${projectId}/conversations/outbox/`, {
    query: { limit, offset },
  });
