/** Rules for the assistant (`/api/projects/:id/conversations/guidance/`). */
import { del, get, patch, post } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type GuidanceRule = Schemas["GuidanceRule"];
export type GuidanceChange = Partial<
  Pick<GuidanceRule, "rule_type" | "name" | "content" | "is_active" | "channels">
>;

const base = (projectId: number) => `/api/projects/${projectId}/conversations/guidance/`;

export const list = (projectId: number) =>
  get<Page<GuidanceRule>>(base(projectId), { query: { limit: 200 } });

export const create = (projectId: number, rule: GuidanceChange) =>
  post<GuidanceRule>(base(projectId), rule);

export const update = (projectId: number, id: string, change: GuidanceChange) =>
  patch<GuidanceRule>(`${base(projectId)}${id}/`, change);

export const destroy = (projectId: number, id: string) => del(`${base(projectId)}${id}/`);
