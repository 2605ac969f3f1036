import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ConversationStore } from "./conversation.svelte";

const ID = "5e3c6f2a-0000-4000-8000-000000000001";
const USER = { id: 1, first_name: "Ada", last_name: "", email: "ada@example.com" };

interface Call {
  method: string;
  path: string;
  body: Record<string, unknown> | null;
  headers: Record<string, string>;
  signal: AbortSignal | null;
}
type Answer = (call: Call) => Response | Promise<Response>;

let calls: Call[];
let turns: Answer[];
let rest: Answer;
let store: ConversationStore;
let returned: string[][];

const json = (value: unknown, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });

const conversation = (change: Record<string, unknown> = {}) => ({
  id: ID,
  title: "A title",
  status: "idle",
  user: USER,
  messages: [],
  pending_approvals: [],
  cleared_queue: [],
  updated_at: "2026-01-01T00:00:00Z",
  ...change,
});

const event = (id: string, name: string, data: unknown) =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`;
const open = (id: string, content: string) =>
  event(id, "message", { id: "temp-0", type: "ai", content });
const delta = (id: string, content: string) => event(id, "delta", { id: "temp-0", content });
const item = (id: string, content: string) => ({ id, content });

/** A stream that says something and then ends, breaks, or stays open. */
function stream(text: string, end: "close" | "cut" | "open" = "close"): Answer {
  return () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        if (end === "close") controller.close();
      },
      // Only when what was said has been read.
      pull(controller) {
        if (end === "cut") controller.error(new TypeError("network error"));
      },
    });
    return new Response(body, { status: 201, headers: { "Content-Type": "text/event-stream" } });
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  calls = [];
  turns = [];
  returned = [];
  rest = () => json(conversation());
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const call: Call = {
      method: init.method ?? "GET",
      path,
      body: init.body ? (JSON.parse(init.body as string) as Record<string, unknown>) : null,
      headers: init.headers as Record<string, string>,
      signal: init.signal ?? null,
    };
    calls.push(call);
    if (call.method === "POST" && path.endsWith("conversations/?stream=delta")) {
      const answer = turns.shift();
      return answer ? Promise.resolve().then(() => answer(call)) : new Promise(() => {});
    }
    return Promise.resolve(rest(call));
  });
  store = new ConversationStore(1, ID, (texts) => returned.push(texts));
  store.state = "new";
});

afterEach(() => {
  store.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const asked = () => calls.filter((call) => call.path.endsWith("?stream=delta"));

test("text that is streamed is put together", async () => {
  turns = [stream(open("1:2", "one ") + delta("1:3", "two ") + delta("1:4", "three"), "open")];
  await store.say("count");
  await vi.waitFor(() => expect(store.partial?.content).toBe("one two three"));
  expect(store.isRunning).toBe(true);
});

test("after a cut the reader goes on behind what it has, and does not ask again", async () => {
  turns = [stream(open("1:2", "one "), "cut"), stream(delta("1:3", "two"), "open")];
  await store.say("count");
  await vi.waitFor(() => expect(store.partial?.content).toBe("one two"));
  expect(asked()).toHaveLength(2);
  expect(asked()[1]?.body?.["content"]).toBeNull();
  expect(asked()[1]?.headers["Last-Event-ID"]).toBe("1:2");
});

test("a message that did not get through is sent again under the same mark", async () => {
  turns = [() => Promise.reject(new TypeError("no network")), stream(open("1:2", "yes"), "open")];
  await store.say("hello");
  await vi.waitFor(() => expect(store.partial?.content).toBe("yes"));
  const [first, second] = asked();
  expect(second?.body).toEqual(first?.body);
  expect(second?.body?.["content"]).toBe("hello");
});

test("a stream that ends while its turn still runs is taken up again", async () => {
  rest = () => json(conversation({ status: asked().length < 2 ? "in_progress" : "idle" }));
  turns = [stream(`retry: 10\n\n${open("1:2", "one")}`), stream(delta("1:3", " two"))];
  await store.say("count");
  await vi.waitFor(() => expect(store.isRunning).toBe(false));
  expect(asked()[1]?.headers["Last-Event-ID"]).toBe("1:2");
});

test("when another tab's turn is running, the message waits and the reader attaches", async () => {
  turns = [
    () => json({ code: "conflict", detail: "busy" }, 409),
    stream(open("1:2", "for them"), "open"),
  ];
  rest = (call) =>
    call.method === "POST"
      ? json({ messages: [item("q1", "mine")], max_queue_messages: 2 })
      : json(conversation());
  await store.say("mine");
  await vi.waitFor(() => expect(store.partial?.content).toBe("for them"));
  expect(store.queue.map((one) => one.content)).toEqual(["mine"]);
  expect(store.unconfirmed).toEqual([]);
  const queued = calls.find((call) => call.path.endsWith("/queue/"));
  expect(queued?.body?.["trace_id"]).toBe(asked()[0]?.body?.["trace_id"]);
  expect(queued?.headers["Prefer"]).toBe("handling=strict");
});

test("a message for the queue of a turn that has just ended is asked at once", async () => {
  turns = [stream(open("1:2", "one"), "open"), stream(open("2:2", "two"), "open")];
  await store.say("first");
  await vi.waitFor(() => expect(store.partial?.content).toBe("one"));
  rest = () => json({ error: "not_running", detail: "over" }, 409);
  expect(await store.say("second")).toBe("asked");
  await vi.waitFor(() => expect(store.partial?.content).toBe("two"));
});

test("messages that follow each other fast wait in their order, and none is forgotten", async () => {
  turns = [stream(open("1:2", "one"), "open")];
  await store.say("first");
  const waiting: { id: string; content: string }[] = [];
  const slow: (() => void)[] = [];
  rest = ({ body }) => {
    waiting.push(item(`${waiting.length}`, String(body?.["content"])));
    const answer = json({ messages: [...waiting], max_queue_messages: 2 });
    // The first answer takes longer than the second would.
    if (waiting.length > 1) return answer;
    return new Promise((resolve) => slow.push(() => resolve(answer)));
  };
  const both = Promise.all([store.say("second"), store.say("third")]);
  await vi.waitFor(() => expect(slow).toHaveLength(1));
  expect(waiting).toHaveLength(1);
  slow[0]?.();
  expect(await both).toEqual(["queued", "queued"]);
  expect(store.queue.map(({ content }) => content)).toEqual(["second", "third"]);
});

test("two messages for the queue of a turn that has just ended are both asked, one after the other", async () => {
  turns = [stream(open("1:2", "one"), "open")];
  await store.say("first");
  await vi.waitFor(() => expect(store.partial?.content).toBe("one"));
  let accept = () => {};
  turns = [
    (call) =>
      new Promise((resolve, reject) => {
        call.signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        accept = () => void Promise.resolve(stream(open("2:2", "two"), "open")(call)).then(resolve);
      }),
    () => json({ code: "conflict", detail: "busy" }, 409),
    stream(delta("2:3", " and more"), "open"),
  ];
  rest = ({ method }) =>
    method === "POST" ? json({ error: "not_running", detail: "over" }, 409) : json(conversation());
  expect(await Promise.all([store.say("second"), store.say("third")])).toEqual(["asked", "asked"]);
  expect(asked().map(({ body }) => body?.["content"])).toEqual(["first", "second"]);
  rest = () => json({ messages: [item("q1", "third")], max_queue_messages: 2 });
  accept();
  await vi.waitFor(() => expect(store.queue.map(({ content }) => content)).toEqual(["third"]));
  expect(asked()[2]?.body?.["content"]).toBe("third");
});

test("a full queue refuses, and says so", async () => {
  turns = [stream(open("1:2", "one"), "open")];
  await store.say("first");
  rest = () => json({ error: "queue_full", detail: "Only two." }, 409);
  expect(await store.say("fourth")).toBe("refused");
  expect(store.failure).toBe("Only two.");
});

test("stopping gives back what waited", async () => {
  turns = [stream(open("1:2", "one"), "open")];
  await store.say("first");
  rest = () => json({ messages: [item("q1", "second")], max_queue_messages: 2 });
  await store.say("second");
  rest = () => json(conversation({ cleared_queue: [item("q1", "second")] }));
  await store.stop();
  expect(returned).toEqual([["second"]]);
  expect(store.isRunning).toBe(false);
  expect(store.queue).toEqual([]);
});

test("a refused message keeps its words and the reason", async () => {
  turns = [() => json({ code: "throttled", detail: "Wait a minute." }, 429)];
  await store.say("hello");
  await vi.waitFor(() => expect(store.unconfirmed[0]?.failure).toBe("Wait a minute."));
  expect(store.unconfirmed[0]?.content).toBe("hello");
  expect(store.isRunning).toBe(false);
});

test("opening a conversation that is being answered attaches to it", async () => {
  rest = (call) =>
    call.path.endsWith("/queue/")
      ? json({ messages: [], max_queue_messages: 2 })
      : json(conversation({ status: "in_progress" }));
  turns = [stream(open("3:2", "so far"), "open")];
  await store.load();
  await vi.waitFor(() => expect(store.partial?.content).toBe("so far"));
  expect(asked()[0]?.body?.["content"]).toBeNull();
  expect(asked()[0]?.headers["Last-Event-ID"]).toBeUndefined();
});

test("an expired cursor reads the conversation instead", async () => {
  turns = [
    stream(open("1:2", "one"), "cut"),
    () => json({ code: "cursor_expired", detail: "gone" }, 410),
  ];
  rest = () =>
    json(conversation({ messages: [{ type: "ai", id: "m1", content: "all of it", meta: null }] }));
  await store.say("count");
  await vi.waitFor(() => expect(store.isRunning).toBe(false));
  expect(store.messages.map((one) => one.id)).toEqual(["m1"]);
  expect(store.failure).toBeNull();
});

test("a decision is sent as what it is", async () => {
  turns = [stream("")];
  await store.resume({ action: "approve", proposal_id: "p1" });
  expect(asked()[0]?.body).toMatchObject({
    content: null,
    resume_payload: { action: "approve", proposal_id: "p1" },
  });
});
