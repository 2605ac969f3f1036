/**
 * One way to call the server: cookies and the CSRF header go along, errors come back as values with a type, reads are tried
 * again when the way there failed. Writes are never repeated: who wrote knows best whether that is safe.
 */

/** The server's answer was an error (its envelope: `type`, `code`, `detail`, `attr`). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    /** A word for programs, such as `not_found`. */
    readonly code: string,
    /** A sentence for people. */
    readonly detail: string,
    /** The member of the body that is wrong, if it is one. */
    readonly attr: string | null = null,
    /** How long the server asks to wait. */
    readonly retryAfterMs: number | null = null,
    /** The whole body, for answers with more in it. */
    readonly body: unknown = null,
  ) {
    super(detail);
  }
}

/** There was no answer: no network, no server, or it took too long. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  constructor(cause?: unknown) {
    super("The server cannot be reached.", { cause });
  }
}

/** A sentence to show for whatever was thrown. */
export function explain(error: unknown): string {
  if (error instanceof ApiError || error instanceof NetworkError) return error.message;
  return "Something went wrong in this page.";
}

/** Whether an operation was called off by its caller, which is no error to show. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export type QueryValue = string | number | boolean | null | undefined;

export interface RequestOptions {
  /** Parameters; those without a value are left out. */
  query?: Record<string, QueryValue>;
  /** Sent as JSON, or as it is if it is a form. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** It is sent to its end also when the page goes away. */
  keepalive?: boolean;
}

const TIMEOUT_MS = 30_000;
/** Waits before a read is tried again. */
const RETRY_AFTER_MS = [250, 1_000];
const WORTH_RETRYING = new Set([502, 503, 504]);

/** The detail of every failure that is the server's own. */
const SAYS_NOTHING = "A server error occurred.";

type Listener = () => void;
const signedOutListeners = new Set<Listener>();

/** Calls back when the server no longer knows who we are. Returns how to stop that. */
export function onSignedOut(listener: Listener): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

export const get = <T>(path: string, options?: RequestOptions) => request<T>("GET", path, options);
export const post = <T>(path: string, body?: unknown, options?: RequestOptions) =>
  request<T>("POST", path, { ...options, body });
export const put = <T>(path: string, body?: unknown, options?: RequestOptions) =>
  request<T>("PUT", path, { ...options, body });
export const patch = <T>(path: string, body?: unknown, options?: RequestOptions) =>
  request<T>("PATCH", path, { ...options, body });
export const del = <T = void>(path: string, options?: RequestOptions) =>
  request<T>("DELETE", path, options);

/**
 * Calls the server and reads its JSON; `undefined` where the answer has no body.
 *
 * @throws {ApiError} the server refused. {@link NetworkError}: it did not answer. An `AbortError` when `signal` was raised.
 */
export async function request<T>(
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await open(method, path, options);
      if (response.status === 204) return undefined as T;
      return (await response.json()) as T;
    } catch (error) {
      const waitMs = method === "GET" ? RETRY_AFTER_MS[attempt] : undefined;
      if (waitMs === undefined || !isWorthRetrying(error)) throw error;
      await pause(waitMs * (0.75 + Math.random() / 2), options.signal);
    }
  }
}

/** Calls the server and hands over the response itself, once it is known to be no error. Streams begin here. */
export async function open(
  method: string,
  path: string,
  { query, body, headers, signal, timeoutMs = TIMEOUT_MS, keepalive = false }: RequestOptions = {},
): Promise<Response> {
  const request: Record<string, string> = { Accept: "application/json", ...headers };
  const init: RequestInit = { method, headers: request, credentials: "same-origin", keepalive };
  if (method !== "GET") {
    const token = csrfToken();
    if (token) request["X-CSRFToken"] = token;
  }
  if (body instanceof FormData || body instanceof Blob) {
    init.body = body;
  } else if (body !== undefined) {
    request["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const signals = [signal, timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined];
  init.signal = AbortSignal.any(signals.filter((one) => one !== undefined));

  let response: Response;
  try {
    response = await fetch(withQuery(path, query), init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NetworkError(error);
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (failure.status === 401) signedOutListeners.forEach((listener) => listener());
  throw failure;
}

export function withQuery(path: string, query: Record<string, QueryValue> = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") pairs.set(name, String(value));
  }
  const text = pairs.toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

async function failureOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const members = (typeof body === "object" && body ? body : {}) as Record<string, unknown>;
  const text = (name: string) => {
    const value = members[name];
    return typeof value === "string" ? value : null;
  };
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const detail = text("detail") ?? text("error");
  return new ApiError(
    response.status,
    text("code") ?? text("error_type") ?? "error",
    detail && detail !== SAYS_NOTHING ? detail : sentenceFor(response.status),
    text("attr"),
    Number.isFinite(seconds) ? seconds * 1000 : null,
    body,
  );
}

/** For an answer that does not say what is wrong: the server's own, or one of a proxy in between. */
function sentenceFor(status: number): string {
  if (status === 503) return "The server is busy. Please try again in a moment.";
  if (status === 413) return "This is more than the server takes at once.";
  if (status < 500) return `The server did not take this (${status}).`;
  return `The server has a problem (${status}). Please try again in a moment.`;
}

function isWorthRetrying(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof ApiError && WORTH_RETRYING.has(error.status);
}

/** The value that the server set beside the session, to be sent back by our own pages only. */
function csrfToken(): string | null {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith("thicket_csrf="));
  return found ? decodeURIComponent(found.slice("thicket_csrf=".length)) : null;
}

/** Waits; ends early, with an `AbortError`, when `signal` is raised. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("called off", "AbortError"));
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
