/** Mails that wait, and those that were sent (`/api/projects/:id/conversations/outbox/`). */
import { get, post } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type OutgoingMail = Schemas["OutgoingMail"];

export const list = (projectId: number, limit: number, offset: number) =>
  get<Page<OutgoingMail>>(`/api/projects/${projectId}/conversations/outbox/`, {
    query: { limit, offset },
  });

/** Another round of attempts for a mail that was given up. */
export const resend = (projectId: number, id: string) =>
  post<OutgoingMail>(`/api/projects/${projectId}/conversations/outbox/${id}/resend/`);
