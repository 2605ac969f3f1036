import { beforeEach, expect, test, vi } from "vitest";

const reply = {
  localId: "a",
  project: 1,
  ticketId: "ticket",
  reply: { message: "Hello", is_private: false },
  then: {},
  seen: null,
  state: "sending",
  error: null,
  isUnsure: false,
  at: 1,
};

/** The outbox of a page that opens when this is in the browser. */
async function opened(kept: unknown) {
  localStorage.setItem("thicket.outbox", JSON.stringify(kept));
  vi.resetModules();
  return (await import("./outbox.svelte")).outbox;
}

beforeEach(() => localStorage.clear());

test("a reply that was on its way when the page went away is there again, perhaps sent", async () => {
  const then = { priority: "high", tags: ["vip"] };
  const { list } = await opened([{ ...reply, then, seen: "message" }]);
  expect(list).toMatchObject([
    { localId: "a", then, seen: "message", state: "failed", isUnsure: true },
  ]);
});

test.each([
  { kept: "a status", then: "resolved", actions: { status: "resolved" } },
  { kept: "no status", then: null, actions: {} },
  { kept: "nothing", then: undefined, actions: {} },
  { kept: "a word that is no status", then: "done", actions: {} },
  { kept: "a list", then: ["resolved"], actions: {} },
])("a reply of an older build that has $kept to set is read", async ({ then, actions }) => {
  const { list } = await opened([{ ...reply, then, seen: undefined }]);
  expect(list).toMatchObject([{ localId: "a", then: actions, seen: null }]);
});

test("what is no reply is left out, and the replies beside it are not", async () => {
  const strange = [null, 7, "text", [], {}, { ...reply, reply: null }, { ...reply, at: undefined }];
  const { list } = await opened([...strange, reply, { ...reply, reply: { message: 3 } }]);
  expect(list.map(({ localId }) => localId)).toEqual(["a"]);
});

test.each([{ kept: null }, { kept: {} }, { kept: "text" }])(
  "an outbox kept as $kept is an empty one",
  async ({ kept }) => {
    expect((await opened(kept)).list).toEqual([]);
  },
);
