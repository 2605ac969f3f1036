/** Conversations with the assistant (`/api/environments/:id/conversations/`). */
import { ApiError, del, get, open, patch, post, type RequestOptions } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type Conversation = Schemas["Conversation"];
export type ConversationMinimal = Schemas["ConversationMinimal"];
export type Message = Schemas["Message"];
export type HumanMessage = Extract<Message, { type: "human" }>;
export type AiMessage = Extract<Message, { type: "ai" }>;
export type ToolMessage = Extract<Message, { type: "tool" }>;
export type FailureMessage = Extract<Message, { type: "ai/failure" }>;
export type ToolCall = Schemas["ToolCall"];
export type Source = Schemas["Source"];
export type Approval = Schemas["Approval"];
export type Queue = Schemas["Queue"];
export type QueueItem = Schemas["QueueItem"];

/** The longest message, in code points. */
export const CONTENT_MAX = 40_000;

/** What a turn is begun with, continued with, or attached to. */
export interface TurnRequest {
  /** Null attaches to the running turn, or goes with `resume_payload`. */
  content: string | null;
  conversation: string;
  /** Marks the message: sent again with the same words it is not asked twice. */
  trace_id: string;
  resume_payload?: ResumePayload;
}

/** The answer to what the last turn asked. */
export type ResumePayload =
  | { action: "approve"; proposal_id: string }
  | { action: "reject"; proposal_id: string; feedback?: string }
  | { action: "form"; form_answers: Record<string, string> }
  | { action: "dismiss_form" };

const base = (projectId: number) => `/api/environments/${projectId}/conversations/`;
const one = (projectId: number, id: string) => `${base(projectId)}${encodeURIComponent(id)}/`;

/** Our own, the latest first. */
export const list = (projectId: number, options?: RequestOptions) =>
  get<Page<ConversationMinimal>>(base(projectId), options);

export const find = (projectId: number, id: string, signal?: AbortSignal) =>
  get<Conversation>(one(projectId, id), { signal });

export const destroy = (projectId: number, id: string) => del(one(projectId, id));

/** Ends the running turn. Cancelling twice is no error. */
export const cancel = (projectId: number, id: string) =>
  patch<Conversation>(`${one(projectId, id)}cancel/`);

/** Opens the stream of a turn, with only the new text in each event; from behind `cursor` if there is one. */
export const openTurn = (
  projectId: number,
  request: TurnRequest,
  cursor: string | null,
  signal: AbortSignal,
) =>
  open("POST", base(projectId), {
    query: { stream: "delta" },
    headers: { Accept: "text/event-stream", ...(cursor ? { "Last-Event-ID": cursor } : {}) },
    body: request,
    signal,
    timeoutMs: 0,
  });

export const findQueue = (projectId: number, id: string) =>
  get<Queue>(`${one(projectId, id)}queue/`);

/** Adds a message that waits for the end of the turn. 409 `not_running` when there is no turn to wait for. */
export const enqueue = (projectId: number, id: string, content: string, traceId: string) =>
  post<Queue>(
    `${one(projectId, id)}queue/`,
    { content, trace_id: traceId },
    { headers: { Prefer: "handling=strict" } },
  );

/** Whether a message could not be queued because no turn is running. */
export const isNotRunning = (error: unknown) =>
  error instanceof ApiError && (error.body as { error?: unknown } | null)?.error === "not_running";

export const updateQueued = (projectId: number, id: string, queueId: string, content: string) =>
  patch<Queue>(`${one(projectId, id)}queue/${queueId}/`, { content });

export const removeQueued = (projectId: number, id: string, queueId: string) =>
  del<Queue>(`${one(projectId, id)}queue/${queueId}/`, {
    headers: { Prefer: "return=representation" },
  });

export const clearQueue = (projectId: number, id: string) =>
  post<Queue>(`${one(projectId, id)}queue/clear/`);
