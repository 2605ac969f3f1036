/** What somebody is writing, kept on the server for each person (`/api/projects/:id/conversations/drafts/:key/`). */
import { del, get, put } from "./client.ts";

import type { Schemas } from "./types.ts";

export type Draft = Schemas["Draft"];

const one = (project: number, key: string) =>
  `/api/projects/${project}/conversations/drafts/${encodeURIComponent(key)}/`;

export const find = (project: number, key: string) => get<Draft>(one(project, key));

export const update = (
  project: number,
  key: string,
  draft: Pick<Draft, "content" | "is_private">,
) => put<Draft>(one(project, key), draft);

export const destroy = (project: number, key: string) => del(one(project, key));
