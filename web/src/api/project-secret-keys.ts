/** Secret keys of a project, for programs of the customer's (`/api/projects/:id/project_secret_api_keys/`). For admins. */
import { del, get, post } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

/** Its secret is only in the answer to who has made it. */
export type ProjectSecretKey = Schemas["ProjectSecretKey"];

/** What such a key can be good for. */
export const SCOPE = "support_ticket:read";

const base = (project: number) => `/api/projects/${project}/project_secret_api_keys/`;

export const list = (project: number) =>
  get<Page<ProjectSecretKey>>(base(project), { query: { limit: 200 } });

export const create = (project: number, label: string) =>
  post<ProjectSecretKey>(base(project), { label, scopes: [SCOPE] });

export const destroy = (project: number, id: string) => del(`${base(project)}${id}/`);
