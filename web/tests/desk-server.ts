/** The built server with a sample project, which tickets can be put into, and which can be killed and started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.TEST_BINARY ?? join(import.meta.dirname, "../../target/debug/thicket");

export interface Ticket {
  id: string;
  ticket_number: number;
  status: string;
  assignee: unknown;
  priority: string | null;
  tags: string[];
  snoozed_until: string | null;
}

export class Server {
  url = "";
  password = "";
  #key = "";
  #process: ChildProcess | null = null;

  private constructor(readonly folder: string) {}

  static async start(): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "thicket-web-")));
    await server.begin("127.0.0.1:0");
    return server;
  }

  /** Starts, also again on the same port after {@link kill}. */
  async begin(listen = new URL(this.url).host): Promise<void> {
    const child = spawn(BINARY, ["demo", "--listen", listen], {
      env: { ...process.env, THICKET_DATA_DIR: this.folder },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#process = child;
    const find = (line: string, pattern: RegExp) => pattern.exec(line)?.[1];
    for await (const line of createInterface({ input: child.stdout })) {
      this.url = find(line, /^listening on (\S+)/) ?? this.url;
      this.password = find(line, /^ +Login +\S+ +(\S+)/) ?? this.password;
      this.#key = find(line, /^ +API key +(\S+)/) ?? this.#key;
      if (line.startsWith("Ctrl-C")) return;
    }
    throw new Error(`${BINARY} ended before it was ready`);
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/api/projects/1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** A ticket of a customer with this name, with a first message. */
  async ticket(name: string, message: string, more: object = {}): Promise<Ticket> {
    const ticket = await this.call<Ticket>("POST", "/conversations/tickets/", {
      status: "open",
      anonymous_traits: { name, email: `${name.toLowerCase().replaceAll(" ", ".")}@example.com` },
      ...more,
    });
    await this.customerWrites(ticket, message);
    return ticket;
  }

  customerWrites(ticket: Ticket, content: string) {
    return this.call("POST", "/comments/", {
      content,
      scope: "conversations_ticket",
      item_id: ticket.id,
      item_context: { author_type: "customer", is_private: false },
    });
  }

  find = (ticket: Ticket) => this.call<Ticket>("GET", `/conversations/tickets/${ticket.id}/`);

  async messages(ticket: Ticket) {
    const path = `/conversations/tickets/${ticket.id}/messages/`;
    type Message = { content: string; is_private: boolean; author_type: string };
    return (await this.call<{ results: Message[] }>("GET", path)).results;
  }
}
