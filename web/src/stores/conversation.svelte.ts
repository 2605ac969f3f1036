/**
 * One conversation with the assistant, as it is now.
 *
 * Whoever asks, and whoever looks, follows the same stream: a request that begins a turn is only its first reader. When the
 * line is cut the reader comes back at its cursor; a message is only ever sent again under the same `trace_id`, which the
 * server answers by attaching to the turn it already has.
 */
import { ApiError, explain, isAbort, NetworkError } from "~/api/client";
import * as api from "~/api/conversations";
import type {
  AiMessage,
  Approval,
  Conversation,
  Message,
  QueueItem,
  ResumePayload,
  ToolCall,
  TurnRequest,
} from "~/api/conversations";
import { Line, pauseUntilOnline } from "~/api/events";
import { readEvents, type ServerEvent } from "~/api/sse";
import { uuid } from "~/lib/uuid";
import { conversations } from "./conversations.svelte";

/** What is being written. */
export interface Partial {
  content: string;
  thinking: string;
  toolCalls: ToolCall[];
}

/** A message of ours that the server has not confirmed yet. */
export interface Unconfirmed {
  traceId: string;
  content: string;
  /** Why it could not be sent, if it could not. */
  failure: string | null;
}

/** What came of giving the store something to say. */
export type Outcome = "asked" | "queued" | "refused";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;

export class ConversationStore {
  state: "new" | "loading" | "known" | "missing" = $state("loading");
  title: string | null = $state(null);
  /** Who it belongs to; null while it is new. */
  ownerId: number | null = $state(null);
  ownerName = $state("");
  messages: Message[] = $state.raw([]);
  partial: Partial | null = $state.raw(null);
  unconfirmed: Unconfirmed[] = $state([]);
  queue: QueueItem[] = $state.raw([]);
  queueMax = $state(2);
  /** Ends with the newest question or change about the queue; never rejects. */
  #queueing: Promise<unknown> = Promise.resolve();
  /** Ends when the newest question was answered, by a stream or a refusal; never rejects. */
  #asking: Promise<unknown> = Promise.resolve();
  approvals: Approval[] = $state.raw([]);
  /** Progress inside tool calls, by the call's id. */
  updates: Record<string, string> = $state({});
  isRunning = $state(false);
  /** The line is cut, and somebody tries to mend it. */
  isWaiting = $state(false);
  failure: string | null = $state(null);

  readonly proposals: Approval[] = $derived(
    this.approvals.filter((one) => one.decision_status === "pending"),
  );

  #cursor: string | null = null;
  #reader: AbortController | null = null;
  #isClosed = false;
  #frame = 0;
  #coming: Partial | null = null;
  /** Messages that we have seen waiting, by id. */
  #waited: string[] = [];
  readonly #channel: BroadcastChannel | null;

  constructor(
    readonly projectId: number,
    readonly id: string,
    /** Called with text that comes back from the queue. */
    readonly onReturned: (texts: string[]) => void = () => {},
  ) {
    this.#channel = "BroadcastChannel" in window ? new BroadcastChannel(`chat:${id}`) : null;
    // Another tab of this browser has begun something, or changed the queue.
    this.#channel?.addEventListener("message", () => void this.refresh());
  }

  /** Reads it, and attaches to the turn that is running, if there is one. */
  async load(): Promise<void> {
    this.failure = null;
    try {
      const found = await api.find(this.projectId, this.id);
      this.#take(found);
      if (found.status !== "idle") {
        void this.#loadQueue();
        void this.#follow(this.#attach());
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.state = "missing";
      else this.failure = explain(error);
    }
  }

  /** Somebody comes back to the page: what happened meanwhile? */
  async refresh(): Promise<void> {
    if (this.#reader || (this.state !== "known" && this.state !== "missing")) {
      if (this.#reader) await this.#loadQueue();
      return;
    }
    await this.load();
  }

  /** Stops reading. The turn goes on without us. */
  close() {
    this.#isClosed = true;
    this.#reader?.abort();
    this.#reader = null;
    this.#channel?.close();
    cancelAnimationFrame(this.#frame);
  }

  /** Asks, or, while an answer is being written, lets the message wait for its end. */
  async say(content: string): Promise<Outcome> {
    const traceId = uuid();
    if (this.isRunning) {
      try {
        return await this.#enqueue(content, traceId);
      } catch (error) {
        if (!api.isNotRunning(error)) {
          this.failure = explain(error);
          return "refused";
        }
        // The turn has just ended.
      }
    }
    this.#ask({ traceId, content, failure: null });
    return "asked";
  }

  /** Sends a message again that did not get through, under the mark it has: the server takes it once. */
  again(message: Unconfirmed) {
    this.unconfirmed = this.unconfirmed.filter((one) => one.traceId !== message.traceId);
    this.#ask({ ...message, failure: null });
  }

  discard(message: Unconfirmed) {
    this.unconfirmed = this.unconfirmed.filter((one) => one.traceId !== message.traceId);
    if (this.messages.length === 0 && this.unconfirmed.length === 0) this.state = "new";
  }

  /** Answers what the last turn asked. */
  async resume(payload: ResumePayload): Promise<void> {
    await this.#follow({
      content: null,
      conversation: this.id,
      trace_id: uuid(),
      resume_payload: payload,
    });
  }

  /** Ends the turn. What waited in the queue comes back to be written on. */
  async stop(): Promise<void> {
    this.failure = null;
    try {
      const ended = await api.cancel(this.projectId, this.id);
      this.#take(ended);
      this.#reader?.abort();
      this.#reader = null;
      this.#tellOthers();
      this.#giveBack(ended.cleared_queue);
    } catch (error) {
      this.failure = explain(error);
    }
  }

  async updateQueued(item: QueueItem, content: string) {
    await this.#changeQueue(() => api.updateQueued(this.projectId, this.id, item.id, content));
  }

  async removeQueued(item: QueueItem) {
    await this.#changeQueue(() => api.removeQueued(this.projectId, this.id, item.id));
  }

  async clearQueue() {
    await this.#changeQueue(() => api.clearQueue(this.projectId, this.id));
  }

  async #changeQueue(change: () => Promise<api.Queue>) {
    this.failure = null;
    try {
      await this.#oneByOne(async () => this.#takeQueue(await change()));
      this.#tellOthers();
    } catch (error) {
      this.failure =
        error instanceof ApiError && error.status === 404
          ? "This message has already been sent to the assistant."
          : explain(error);
      await this.#loadQueue();
    }
  }

  async #enqueue(content: string, traceId: string): Promise<Outcome> {
    this.failure = null;
    await this.#oneByOne(async () =>
      this.#takeQueue(await api.enqueue(this.projectId, this.id, content, traceId)),
    );
    this.#tellOthers();
    return "queued";
  }

  /**
   * What has to do with the queue goes one after the other: messages wait in the order in which they were sent, and no late
   * answer shows the queue as it was before a newer one.
   */
  async #oneByOne(run: () => Promise<void>): Promise<void> {
    const before = this.#queueing;
    const now = before.then(run);
    this.#queueing = now.catch(() => undefined);
    await now;
  }

  async #loadQueue() {
    try {
      await this.#oneByOne(async () =>
        this.#takeQueue(await api.findQueue(this.projectId, this.id)),
      );
    } catch {
      // It is shown with the next change.
    }
  }

  #ask(message: Unconfirmed) {
    this.failure = null;
    this.unconfirmed = [...this.unconfirmed, message];
    this.state = "known";
    this.isRunning = true;
    const request = {
      content: message.content,
      conversation: this.id,
      trace_id: message.traceId,
    };
    // To follow it is to let go of what is followed now, which may be a question that has not arrived yet.
    const ask = () =>
      new Promise<void>((resolve) => void this.#follow(request, resolve).finally(resolve));
    this.#asking = this.#asking.then(ask);
  }

  #attach(): TurnRequest {
    return { content: null, conversation: this.id, trace_id: uuid() };
  }

  /** Follows the stream to its end, through cuts and restarts. Never throws. */
  async #follow(request: TurnRequest, onStream = () => {}): Promise<void> {
    if (this.#isClosed) return;
    this.#reader?.abort();
    const reader = (this.#reader = new AbortController());
    const { signal } = reader;
    this.isRunning = true;
    let next = request;
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const line = new Line(signal);
      try {
        const cursor = next.content === null && !next.resume_payload ? this.#cursor : null;
        const response = await api.openTurn(this.projectId, next, cursor, line.signal);
        this.isWaiting = false;
        onStream();
        if (next.content !== null || next.resume_payload) this.#tellOthers();
        if (response.body) {
          for await (const event of readEvents(response.body, () => line.isAlive())) {
            if (signal.aborted) return;
            if (event.retryMs !== null) waitMs = event.retryMs;
            // From here on there is something to come back to.
            if (event.id !== null) [this.#cursor, next] = [event.id, this.#attach()];
            if (event.data) this.#apply(event);
            if (event.retryMs === null) waitMs = FIRST_WAIT_MS;
          }
        }
        // The server ends a stream with its turns, and when it shuts down.
        if (await this.#isSettled(signal)) break;
        next = this.#attach();
      } catch (error) {
        if (signal.aborted) return;
        const instead = await this.#afterError(error, next, signal);
        if (signal.aborted) return;
        if (instead === null) break;
        next = instead;
      } finally {
        line.close();
      }
      this.isWaiting = true;
      try {
        await pauseUntilOnline(waitMs * (0.75 + Math.random() / 2), signal);
      } catch (error) {
        if (isAbort(error)) return;
      }
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
    if (signal.aborted) return;
    this.#reader = null;
    this.isRunning = false;
    this.isWaiting = false;
  }

  /** What to try after an error; null when there is nothing to try. */
  async #afterError(
    error: unknown,
    request: TurnRequest,
    signal: AbortSignal,
  ): Promise<TurnRequest | null> {
    if (!(error instanceof ApiError)) {
      this.isWaiting = true;
      // A decision may have arrived although its answer did not: look before it is sent again.
      if (request.resume_payload && (await this.#wasDecided(request.resume_payload, signal))) {
        return this.#attach();
      }
      if (error instanceof NetworkError || isAbort(error) || error instanceof TypeError) {
        return request;
      }
      this.failure = explain(error);
      return null;
    }
    if ([502, 503, 504].includes(error.status)) return request;
    if (error.status === 409 && request.content !== null) {
      // Somebody else's turn is running here, in another tab perhaps: ours waits for its end.
      return (await this.#queueInstead(request)) ? this.#attach() : request;
    }
    if (error.status === 410) {
      this.#cursor = null;
      return (await this.#isSettled(signal)) ? null : this.#attach();
    }
    if (request.content === null && error.status === 400 && !request.resume_payload) {
      // There is nothing to attach to: it ended just before.
      return (await this.#isSettled(signal)) ? null : this.#attach();
    }
    const text = explain(error);
    const sent = this.unconfirmed.find((one) => one.traceId === request.trace_id);
    if (sent) sent.failure = text;
    else this.failure = text;
    return null;
  }

  /** Whether the message could be queued; if the turn has just ended it is to be asked instead. */
  async #queueInstead(request: TurnRequest): Promise<boolean> {
    const content = request.content ?? "";
    try {
      await this.#enqueue(content, request.trace_id);
    } catch (error) {
      if (api.isNotRunning(error)) return false;
      this.failure = explain(error);
      this.onReturned([content]);
    }
    this.unconfirmed = this.unconfirmed.filter((one) => one.traceId !== request.trace_id);
    return true;
  }

  async #wasDecided(payload: ResumePayload, signal: AbortSignal): Promise<boolean> {
    try {
      const found = await api.find(this.projectId, this.id, signal);
      if (found.status !== "idle") return true;
      if (!("proposal_id" in payload)) return false;
      const proposal = found.pending_approvals.find(
        (one) => one.proposal_id === payload.proposal_id,
      );
      return proposal?.decision_status !== "pending";
    } catch {
      return false;
    }
  }

  /** Reads what is stored after a stream has ended. False: a turn is still running. */
  async #isSettled(signal: AbortSignal): Promise<boolean> {
    const found = await api.find(this.projectId, this.id, signal);
    if (found.status !== "idle") return false;
    this.#take(found);
    // A question empties the queue; so does a stop, whose words go back to where it was pressed.
    if (this.proposals.length > 0) this.#giveBack(found.cleared_queue);
    return true;
  }

  #take(found: Conversation) {
    this.state = "known";
    this.title = found.title;
    this.ownerId = found.user.id;
    this.ownerName =
      [found.user.first_name, found.user.last_name].filter(Boolean).join(" ") || found.user.email;
    this.messages = found.messages;
    this.approvals = found.pending_approvals;
    this.isRunning = found.status !== "idle";
    conversations.update(found);
    this.#confirm(found.messages);
    if (found.status === "idle") {
      this.#show(null);
      this.queue = [];
    }
  }

  /** Messages of ours that are stored need no copy here. */
  #confirm(messages: Message[]) {
    if (this.unconfirmed.length === 0) return;
    const traces = messages.map((message) => (message.type === "human" ? message.trace_id : null));
    this.unconfirmed = this.unconfirmed.filter((one) => !traces.includes(one.traceId));
  }

  /** What the server took out of the queue, once: it tells so until the next turn. */
  #giveBack(items: QueueItem[]) {
    const fresh = items.filter((item) => this.#waited.includes(item.id));
    this.#waited = [];
    if (fresh.length > 0) this.onReturned(fresh.map((item) => item.content));
  }

  #takeQueue(queue: api.Queue) {
    this.queue = queue.messages;
    this.queueMax = queue.max_queue_messages;
    this.#waited.push(...queue.messages.map((item) => item.id));
  }

  #apply({ event, data }: ServerEvent) {
    const value: unknown = JSON.parse(data);
    switch (event) {
      case "conversation": {
        const changed = value as api.ConversationMinimal;
        this.title = changed.title;
        this.ownerId = changed.user.id;
        conversations.put(changed);
        break;
      }
      case "message":
        this.#applyMessage(value as Message);
        break;
      case "delta": {
        const { content = "", thinking = "", tool_calls = [] } = value as Record<string, never>;
        const before = this.#coming ?? { content: "", thinking: "", toolCalls: [] };
        this.#show({
          content: before.content + content,
          thinking: before.thinking + thinking,
          toolCalls: [...before.toolCalls, ...tool_calls],
        });
        break;
      }
      case "update": {
        const { tool_call_id, content } = value as Record<string, unknown>;
        if (typeof content === "string") this.updates[String(tool_call_id)] = content;
        break;
      }
      case "approval": {
        const approval = value as Approval;
        const others = this.approvals.filter((one) => one.proposal_id !== approval.proposal_id);
        this.approvals = [...others, approval];
        break;
      }
    }
  }

  #applyMessage(message: Message) {
    if (message.type === "ai" && message.id.startsWith("temp-")) {
      this.#show({
        content: message.content,
        thinking: thinkingOf(message),
        toolCalls: message.tool_calls ?? [],
      });
      return;
    }
    if (message.type !== "human") this.#show(null);
    const at = this.messages.findIndex((one) => one.id === message.id);
    this.messages = at < 0 ? [...this.messages, message] : this.messages.with(at, message);
    if (message.type === "human") {
      this.#confirm([message]);
      const first = this.queue[0];
      if (first && first.content.trim() === message.content) this.queue = this.queue.slice(1);
    }
  }

  /** Shows the partial at the next frame: text may come faster than a screen. */
  #show(partial: Partial | null) {
    this.#coming = partial;
    if (partial === null) {
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      this.partial = null;
    } else if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.partial = this.#coming;
      });
    }
  }

  #tellOthers() {
    this.#channel?.postMessage("changed");
  }
}

/** The reasoning that came with an answer. */
export function thinkingOf(message: AiMessage): string {
  const blocks = (message.meta?.thinking ?? []) as Record<string, unknown>[];
  return blocks
    .map((block) => block["thinking"])
    .filter((text) => typeof text === "string")
    .join("\n\n");
}
