/** A project and its settings (`/api/projects/:id/`). */
import { get, patch, post } from "./client.ts";
import type { Project } from "./types.ts";

export type { Project };

/** Fields of a project that can be changed. Newer servers may know more than the types say. */
export type ProjectChange = Partial<
  Omit<Project, "id" | "organization" | "api_token" | "created_at">
>;

const base = (projectId: number) => `/api/projects/${projectId}/`;

export const find = (projectId: number) => get<Project>(base(projectId));

export const update = (projectId: number, change: ProjectChange) =>
  patch<Project>(base(projectId), change);

/** The present secret token. The activity log says who has read it. */
export const revealSecret = (projectId: number) =>
  post<{ secret_token: string }>(`${base(projectId)}reveal_secret_token/`);

/** A new secret token; the one before it stays good until it is dropped. */
export const rotateSecret = (projectId: number) =>
  post<{ secret_token: string }>(`${base(projectId)}rotate_secret_token/`);

export const dropBackupSecret = (projectId: number) =>
  post<undefined>(`${base(projectId)}delete_secret_token_backup/`);

/** Where everything of a project can be downloaded, as lines of JSON. For admins. */
export const exportHref = (projectId: number) => `${base(projectId)}export/`;
