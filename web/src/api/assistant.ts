/** Who answers: the server's provider and model (`/api/projects/:id/assistant/`). */
import { get, post } from "./client.ts";
import type { Schemas } from "./types.ts";

export type AssistantFacts = Schemas["Assistant"];
export type AssistantTest = Schemas["AssistantTest"];

const base = (projectId: number) => `/api/projects/${projectId}/assistant/`;

export const find = (projectId: number) => get<AssistantFacts>(base(projectId));

/** One tiny call of the model. */
export const test = (projectId: number) =>
  post<AssistantTest>(`${base(projectId)}test/`, undefined, { timeoutMs: 150_000 });
