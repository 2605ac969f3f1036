/**
 * A log that is followed live: one connection that comes back by itself, from the cursor where it was cut. So an event is
 * told once, in order, however often the network or the server goes away.
 */
import { ApiError, isAbort, open, pause } from "./client.ts";
import { readEvents, type ServerEvent } from "./sse.ts";

/**
 * `connecting`: at first. `live`: what happens is told at once. `waiting`: cut, and about to try again. `refused`: the
 * server will not let us read; nobody tries again.
 */
export type LinkState = "connecting" | "live" | "waiting" | "refused";

export interface FollowOptions {
  path: string;
  /** Everything after it; without one, from now on. */
  cursor?: string | null;
  onEvent: (event: ServerEvent) => void;
  onState?: (state: LinkState) => void;
  /** Events were missed that are not kept any more: read everything again. */
  onGap?: () => void;
  signal: AbortSignal;
}

/** The server sends something every 15 s. After this long without a byte the line is dead, whatever the browser thinks. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;

/** Follows until `signal` is raised or the server refuses. Never throws. */
export async function follow(options: FollowOptions): Promise<void> {
  const { path, onEvent, onState = () => {}, onGap = () => {}, signal } = options;
  let cursor = options.cursor ?? null;
  let waitMs = FIRST_WAIT_MS;
  onState("connecting");
  while (!signal.aborted) {
    const line = new Line(signal);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (cursor !== null) headers["Last-Event-ID"] = cursor;
      const response = await open("GET", path, { headers, signal: line.signal, timeoutMs: 0 });
      onState("live");
      waitMs = FIRST_WAIT_MS;
      if (response.body) {
        for await (const event of readEvents(response.body, () => line.isAlive())) {
          if (event.id !== null) cursor = event.id;
          if (event.retryMs !== null) waitMs = event.retryMs;
          if (event.data) onEvent(event);
        }
      }
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof ApiError && error.code === "cursor_expired") {
        cursor = null;
        onGap();
        continue;
      }
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) {
        onState("refused");
        return;
      }
    } finally {
      line.close();
    }
    onState("waiting");
    try {
      await pauseUntilOnline(waitMs * (0.75 + Math.random() / 2), signal);
    } catch (error) {
      if (isAbort(error)) return;
    }
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** A connection's life: it ends with the caller's, or when it has been silent for too long. */
export class Line {
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onOffline = () => this.#abort.abort();

  constructor(readonly outer: AbortSignal) {
    this.isAlive();
    window.addEventListener("offline", this.#onOffline);
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.outer, this.#abort.signal]);
  }

  isAlive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(), SILENCE_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#abort.abort();
    window.removeEventListener("offline", this.#onOffline);
  }
}

/** Waits, but not past the moment when the network comes back or somebody looks at the page again. */
export async function pauseUntilOnline(ms: number, signal: AbortSignal): Promise<void> {
  const early = new AbortController();
  const wake = () => early.abort();
  const onVisible = () => document.visibilityState === "visible" && wake();
  window.addEventListener("online", wake);
  document.addEventListener("visibilitychange", onVisible);
  try {
    await pause(ms, AbortSignal.any([signal, early.signal]));
  } catch (error) {
    if (signal.aborted) throw error;
  } finally {
    window.removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", onVisible);
  }
}
