/** What the assistant knows (`/api/projects/:id/conversations/articles/`). */
import { del, get, patch, post, type RequestOptions } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type Article = Schemas["Article"];
export type ArticleChange = Partial<Pick<Article, "title" | "body" | "url" | "is_enabled">>;

const base = (projectId: number) => `/api/projects/${projectId}/conversations/articles/`;

export const list = (projectId: number, options?: RequestOptions) =>
  get<Page<Article>>(base(projectId), options);

export const find = (projectId: number, id: string, signal?: AbortSignal) =>
  get<Article>(`${base(projectId)}${id}/`, { signal });

export const create = (projectId: number, article: ArticleChange) =>
  post<Article>(base(projectId), article);

export const update = (projectId: number, id: string, change: ArticleChange) =>
  patch<Article>(`${base(projectId)}${id}/`, change);

export const destroy = (projectId: number, id: string) => del(`${base(projectId)}${id}/`);
