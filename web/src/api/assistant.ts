/** Who answers: the server's provider and model (`/api/projects/:id/assistant/`). */
import { get, post } from "./client.ts";

export interface AssistantFacts {
  provider: string;
  model: string | null;
  /** False without a language model. */
  is_configured: boolean;
}

export interface AssistantTest {
  ok: boolean;
  latency_ms: number;
  error_type: string | null;
  detail: string | null;
}

const base = (projectId: number) => `/api/projects/${projectId}/assistant/`;

export const find = (projectId: number) => get<AssistantFacts>(base(projectId));

/** One tiny call of the model. */
export const test = (projectId: number) =>
  post<AssistantTest>(`${base(projectId)}test/`, undefined, { timeoutMs: 150_000 });
