/** A language model that says what a test tells it to, when it tells it to. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export class Model {
  #waiting: ServerResponse | null = null;
  #arrived: (() => void)[] = [];
  /** The last message of the user, for each call of a stream. */
  readonly asked: string[] = [];

  readonly #server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => this.#answer(JSON.parse(text || "{}") as Body, response));
  });

  async start(): Promise<Record<string, string>> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return {
      THICKET_LLM_PROVIDER: "openai",
      THICKET_LLM_BASE_URL: `http://127.0.0.1:${port}/v1`,
      THICKET_LLM_API_KEY: "test",
    };
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Waits until the model is asked, and until then says nothing. */
  async called(): Promise<void> {
    if (this.#waiting === null) await new Promise<void>((resolve) => this.#arrived.push(resolve));
  }

  /** Says something more. */
  async say(content: string): Promise<void> {
    await this.called();
    this.#send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  }

  /** Says the last of it. */
  async end(content = ""): Promise<void> {
    if (content) await this.say(content);
    await this.called();
    this.#send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    this.#waiting?.end("data: [DONE]\n\n");
    this.#waiting = null;
  }

  /** Ends what it is saying, if it is. */
  drop() {
    this.#waiting?.end();
    this.#waiting = null;
  }

  #send(chunk: object) {
    this.#waiting?.write(
      `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", ...chunk })}\n\n`,
    );
  }

  #answer({ stream, messages = [] }: Body, response: ServerResponse) {
    if (!stream) {
      // The title of a conversation.
      const message = { role: "assistant", content: "A title by the model" };
      response.setHeader("Content-Type", "application/json");
      response.end(
        JSON.stringify({ id: "1", choices: [{ index: 0, message, finish_reason: "stop" }] }),
      );
      return;
    }
    this.asked.push(JSON.stringify(messages.findLast((one) => one.role === "user")?.content ?? ""));
    response.setHeader("Content-Type", "text/event-stream");
    response.flushHeaders();
    this.#waiting = response;
    response.on("close", () => {
      if (this.#waiting === response) this.#waiting = null;
    });
    for (const resolve of this.#arrived.splice(0)) resolve();
  }
}

interface Body {
  stream?: boolean;
  messages?: { role: string; content: unknown }[];
}
