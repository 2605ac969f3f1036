/** The tags that are in use. */
import { get } from "./client.ts";
import type { Page } from "./types.ts";

export const list = (project: number, search = "", signal?: AbortSignal) =>
  get<Page<{ name: string }>>(`/api/projects/${project}/conversations/tags/`, {
    query: { search, limit: 100 },
    signal,
  });
