import { expect, test } from "vitest";
import { readEvents, type ServerEvent } from "./sse.ts";

const STREAM =
  ': hello\n\nid: 4\n\nevent: message\r\ndata: {"a":"ä€"}\r\nid: 5\r\n\r\ndata: one\ndata: two\n\nretry: 1000\n\n';

/** The stream, cut into pieces of so many bytes. */
function pieces(text: string, length: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += length) {
        controller.enqueue(bytes.slice(at, at + length));
      }
      controller.close();
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<ServerEvent[]> {
  const found = [];
  for await (const event of readEvents(stream)) found.push(event);
  return found;
}

test("wherever a stream is cut, the events are the same", async () => {
  const whole = await all(pieces(STREAM, 10_000));
  expect(whole).toEqual([
    { event: "message", data: "", id: "4", retryMs: null },
    { event: "message", data: '{"a":"ä€"}', id: "5", retryMs: null },
    { event: "message", data: "one\ntwo", id: null, retryMs: null },
    { event: "message", data: "", id: null, retryMs: 1000 },
  ]);
  for (const length of [1, 2, 3, 7]) expect(await all(pieces(STREAM, length))).toEqual(whole);
});

test("an event without its empty line was cut, and is not told", async () => {
  expect(await all(pieces("data: half\n", 4))).toEqual([]);
});
