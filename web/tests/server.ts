/** The built server with its sample project: tickets can be put into it, and it can be killed and started again. */
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
  sla_due_at: string | null;
}

export interface Message {
  content: string;
  is_private: boolean;
  author_type: string;
}

export class Server {
  url = "";
  readonly email = "demo@example.com";
  password = "";
  /** An API key that may do everything. */
  key = "";
  #process: ChildProcess | null = null;

  private constructor(
    readonly folder: string,
    readonly environment: Record<string, string>,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "thicket-web-"));
    const server = new Server(folder, environment);
    await server.begin("127.0.0.1:0");
    return server;
  }

  /** Starts, also again on the same port after {@link kill}. */
  async begin(listen = new URL(this.url).host): Promise<void> {
    const child = spawn(BINARY, ["demo", "--listen", listen], {
      env: { ...process.env, THICKET_DATA_DIR: this.folder, ...this.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const find = (line: string, pattern: RegExp) => pattern.exec(line)?.[1];
    for await (const line of createInterface({ input: child.stdout })) {
      this.url = find(line, /^listening on (\S+)/) ?? this.url;
      this.password = find(line, /^ +Login +\S+ +(\S+)/) ?? this.password;
      this.key = find(line, /^ +API key +(\S+)/) ?? this.key;
      if (line.startsWith("Ctrl-C")) return;
    }
    throw new Error(`${BINARY} ended before it was ready:\n${said}`);
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Asks the API, below the sample project unless the path begins with `/api`. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const url = this.url + (path.startsWith("/api") ? path : `/api/projects/1${path}`);
    const response = await fetch(url, {
      method,
      headers: {
        Authorization: `Bearer ${this.key}`,
        Accept: "application/json",
        "Content-Type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** Makes somebody a member, as if they had followed an invitation. */
  async join(email: string, name: string): Promise<{ email: string; password: string }> {
    const path = "/api/organizations/@current/invites/";
    const { link } = await this.call<{ link: string }>("POST", path, { email, level: 1 });
    const token = new URL(link).pathname.split("/").filter(Boolean).at(-1);
    const password = "correct horse battery";
    await this.call("POST", `/api/invites/${token}/`, { name, password });
    return { email, password };
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

  /** Somebody on a customer's page, who writes as the widget does: with nothing but the public token and a session. */
  async visitor(name: string) {
    interface Project {
      widget_public_token: string;
    }
    const project = await this.call<Project>("PATCH", "/api/projects/1/", { widget_enabled: true });
    const session = crypto.randomUUID();
    const ask = async <T>(path: string, body?: object): Promise<T> => {
      const response = await fetch(`${this.url}/api/conversations/v1/widget/${path}`, {
        method: body ? "POST" : "GET",
        headers: {
          "Content-Type": "application/json",
          "X-Conversations-Token": project.widget_public_token,
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    };
    let ticket: Ticket | null = null;
    return {
      /** Into the ticket that the first message has begun. */
      write: async (message: string): Promise<Ticket> => {
        const { ticket_id } = await ask<{ ticket_id: string }>("message", {
          widget_session_id: session,
          distinct_id: session,
          message,
          traits: { name },
          ticket_id: ticket?.id ?? null,
        });
        const path = `/conversations/tickets/?search=${encodeURIComponent(name)}`;
        const { results } = await this.call<{ results: Ticket[] }>("GET", path);
        ticket ??= results.find(({ id }) => id === ticket_id) ?? null;
        if (!ticket) throw new Error(`the ticket of ${name} is in no list`);
        return ticket;
      },
      /** What the widget shows. */
      read: async (): Promise<{ content: string }[]> => {
        const path = `messages/${ticket?.id}?widget_session_id=${session}`;
        return (await ask<{ messages: { content: string }[] }>(path)).messages;
      },
    };
  }

  customerWrites(ticket: Ticket, content: string) {
    return this.call("POST", "/comments/", {
      content,
      scope: "conversations_ticket",
      item_id: ticket.id,
      item_context: { author_type: "customer", is_private: false },
    });
  }

  reply(ticket: Ticket, message: string, isPrivate = false) {
    const path = `/conversations/tickets/${ticket.id}/reply/`;
    return this.call("POST", path, { message, is_private: isPrivate });
  }

  find = (ticket: Ticket) => this.call<Ticket>("GET", `/conversations/tickets/${ticket.id}/`);

  async messages(ticket: Ticket) {
    const path = `/conversations/tickets/${ticket.id}/messages/`;
    return (await this.call<{ results: Message[] }>("GET", path)).results;
  }
}
