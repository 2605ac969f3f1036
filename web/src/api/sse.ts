/** One server-sent event. */
export interface ServerEvent {
  /** Its name; `message` when it has none. */
  event: string;
  data: string;
  /** The cursor after it, if it moves the cursor. */
  id: string | null;
  /** How long to wait before coming back, if this is what it says. */
  retryMs: number | null;
}

/**
 * The events of a response's body, as they come. Pieces may be cut anywhere, in the middle of a letter too; comments are
 * skipped, though they show in `onBytes` that the line is alive.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>);
  let rest = "";
  let block = new Block();
  for await (const piece of reader) {
    onBytes();
    rest += piece;
    let from = 0;
    for (;;) {
      const end = rest.indexOf("\n", from);
      if (end < 0) break;
      const line = rest.slice(from, rest[end - 1] === "\r" && end > from ? end - 1 : end);
      from = end + 1;
      if (line !== "") {
        block.take(line);
      } else if (block.isWorthTelling) {
        yield block.event();
        block = new Block();
      }
    }
    rest = rest.slice(from);
  }
}

/** The lines up to an empty one. */
class Block {
  #event = "message";
  #data: string[] = [];
  #id: string | null = null;
  #retryMs: number | null = null;

  get isWorthTelling(): boolean {
    return this.#data.length > 0 || this.#id !== null || this.#retryMs !== null;
  }

  take(line: string) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id") this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#retryMs = Number(value);
  }

  event(): ServerEvent {
    return {
      event: this.#event,
      data: this.#data.join("\n"),
      id: this.#id,
      retryMs: this.#retryMs,
    };
  }
}
