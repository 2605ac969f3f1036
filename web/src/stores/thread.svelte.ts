/** The ticket that is open: its messages, what was done to it, who else looks at it, and what is on its way out. */
import * as activityApi from "~/api/activity";
import type { Activity } from "~/api/activity";
import { ApiError, explain, isAbort, NetworkError } from "~/api/client";
import type { MacroActions } from "~/api/macros";
import * as api from "~/api/tickets";
import type { NewReply, Ticket, TicketMessage } from "~/api/tickets";
import { announce } from "~/lib/announce.svelte";
import { changeOf } from "./macros.svelte";
import { outbox, type Outgoing } from "./outbox.svelte";
import { presence, type Viewer } from "./presence.svelte";
import { fullName } from "./assignees.svelte";
import { session } from "./session.svelte";
import { tickets } from "./tickets.svelte";
import { toasts } from "./toasts.svelte";

/** Messages that are read at once. */
const PAGE = 200;
/** Threads that are kept for coming back to. */
const KEPT = 60;
const GATHER_MS = 40;
const HEARTBEAT_MS = 10_000;
/** How often others are told that one is still typing. */
const TYPING_MS = 3_000;

interface Content {
  messages: TicketMessage[];
  activities: Activity[];
  /** Messages before the first one that is here. */
  earlier: number;
}

class Thread {
  id: string | null = $state(null);
  content: Content | null = $state.raw(null);
  state: "loading" | "ready" | "missing" | "failed" = $state("loading");
  failure: string | null = $state(null);

  readonly ticket: Ticket | undefined = $derived(tickets.find(this.id ?? undefined));
  /** Who else looks at it. */
  readonly viewers: Viewer[] = $derived(presence.of(this.id));
  readonly outgoing: Outgoing[] = $derived(outbox.list.filter((item) => item.ticketId === this.id));
  /** The newest message that somebody else has sent, whom else the customer hears; for noticing that there is a newer one. */
  readonly lastByOther: string | null = $derived(
    this.content?.messages.findLast((message) => isByOther(message))?.id ?? null,
  );

  #project = 0;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isTyping = false;
  /** When the others were last told that one looks; 0 before. */
  #toldAt = 0;
  readonly #kept = new Map<string, Content>();
  /** What is being read ahead. */
  readonly #ahead = new Map<string, Promise<Content>>();

  /** Opens a ticket by its number. What is known of it shows at once. */
  async open(project: number, number: number): Promise<void> {
    this.close();
    this.#project = project;
    const { signal } = this.#abort;
    const known = tickets.findByNumber(number);
    if (known) {
      this.id = known.id;
      this.content = this.#kept.get(known.id) ?? null;
      this.state = this.content ? "ready" : "loading";
      const show = (content: Content) => {
        if (signal.aborted || this.content) return;
        this.content = content;
        this.state = "ready";
      };
      void this.#ahead.get(known.id)?.then(show, () => undefined);
    }
    try {
      const messages = this.#readMessages(known?.id ?? String(number), signal);
      const early = known && this.#readActivities(known.id, signal);
      // An error of one of them is told once, by the one that is waited for.
      messages.catch(() => undefined);
      early?.catch(() => undefined);
      const ticket = await api.find(project, known?.id ?? number, signal);
      tickets.put(ticket);
      this.id = ticket.id;
      const [content, activities] = await Promise.all([
        messages,
        early ?? this.#readActivities(ticket.id, signal),
      ]);
      this.#take(ticket.id, { ...content, activities });
      this.state = "ready";
      this.#beat(signal);
    } catch (error) {
      if (isAbort(error)) return;
      const isMissing = error instanceof ApiError && error.status === 404;
      this.failure = explain(error);
      this.state = isMissing ? "missing" : "failed";
    }
  }

  close() {
    this.leave();
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#timer);
    this.id = null;
    this.content = null;
    this.failure = null;
    this.state = "loading";
    this.#isTyping = false;
  }

  /** Reads a ticket's messages ahead, so that opening it takes no time. Nothing is marked as read by it. */
  async prefetch(project: number, id: string): Promise<void> {
    if (this.#kept.has(id) || this.#ahead.has(id)) return;
    this.#project = project;
    const reading = this.#readContent(id, AbortSignal.timeout(10_000));
    this.#ahead.set(id, reading);
    try {
      this.#keep(id, await reading);
    } catch {
      // It is read again when the ticket is opened.
    } finally {
      this.#ahead.delete(id);
    }
  }

  /** Something happened to a ticket: what is open is read again, what is kept is forgotten. */
  touch(id: string) {
    if (id !== this.id) {
      this.#kept.delete(id);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), GATHER_MS);
  }

  forgetKept() {
    this.#kept.clear();
  }

  async refresh(): Promise<void> {
    const { id } = this;
    if (!id) return;
    const { signal } = this.#abort;
    try {
      const isSeen = document.visibilityState === "visible" && document.hasFocus();
      const [content, activities] = await Promise.all([
        this.#readMessages(id, signal),
        this.#readActivities(id, signal),
      ]);
      // Only who can see it has read it.
      if (isSeen) tickets.put(await api.find(this.#project, id, signal));
      if (this.id === id) this.#take(id, { ...content, activities });
    } catch (error) {
      if (!isAbort(error)) this.failure = explain(error);
    }
  }

  /** Reads the messages before those that are here. */
  async loadEarlier(): Promise<void> {
    const { id, content } = this;
    if (!id || !content || content.earlier === 0) return;
    const limit = Math.min(PAGE, content.earlier);
    const query = { limit, offset: content.earlier - limit };
    const page = await api.listMessages(this.#project, id, query, this.#abort.signal);
    if (this.id !== id) return;
    this.#take(id, {
      ...content,
      messages: [...page.results, ...content.messages],
      earlier: content.earlier - limit,
    });
  }

  /**
   * Sends a reply or a note. It shows at once; if it cannot be sent, it stays where it is, with what went wrong and a way to
   * try again. `then` is done to the ticket afterwards.
   */
  send(reply: NewReply, then: MacroActions = {}): Promise<void> {
    if (!this.id) return Promise.resolve();
    return this.deliver(outbox.add(this.#project, this.id, reply, then, this.lastByOther));
  }

  /** What others have sent after a message of theirs, or at all. */
  since(seen: string | null): TicketMessage[] {
    const messages = this.content?.messages ?? [];
    const from = messages.findIndex((message) => message.id === seen);
    return messages.slice(from + 1).filter((message) => isByOther(message));
  }

  async deliver(item: Outgoing): Promise<void> {
    outbox.update(item.localId, { state: "sending", error: null });
    const wasOffline = !navigator.onLine;
    try {
      // An answer may have been lost on the way back: under the same name it is not sent twice.
      const sent = await api.reply(item.project, item.ticketId, item.reply, item.localId);
      this.#arrived(item.ticketId, sent);
      outbox.remove(item.localId);
      announce(item.reply.is_private ? "Note added" : "Reply sent");
      void this.#act(item);
    } catch (error) {
      // Without a network nothing has left the browser, this time.
      const isOffline = error instanceof NetworkError && wasOffline && !navigator.onLine;
      outbox.update(item.localId, {
        state: "failed",
        error: isOffline ? "You are offline." : explain(error),
        isUnsure: isOffline ? item.isUnsure : error instanceof NetworkError,
      });
    }
  }

  /** Does to the ticket what goes with what was sent. */
  async #act(item: Outgoing): Promise<void> {
    const { project, ticketId, then } = item;
    if (Object.keys(then).length === 0) return;
    try {
      const ticket = tickets.find(ticketId) ?? (await api.find(project, ticketId));
      await tickets.update(project, ticketId, changeOf(then, ticket));
    } catch (error) {
      // By then one may be at the next ticket.
      const known = tickets.find(ticketId);
      const what = known ? `#${known.ticket_number}` : "the ticket";
      toasts.show(`Sent, but ${what} was not changed: ${explain(error)}`, {
        tone: "danger",
        action: { label: "Try again", run: () => void this.#act(item) },
      });
    }
  }

  #arrived(ticketId: string, message: TicketMessage) {
    if (ticketId !== this.id || !this.content) return;
    if (this.content.messages.some((one) => one.id === message.id)) return;
    this.#take(ticketId, { ...this.content, messages: [...this.content.messages, message] });
  }

  async updateNote(note: TicketMessage, text: string) {
    const { id } = this;
    if (!id || !this.content) return;
    const changed = await api.updateNote(this.#project, id, note.id, text);
    const messages = this.content.messages.map((one) => (one.id === note.id ? changed : one));
    this.#take(id, { ...this.content, messages });
  }

  async destroyNote(note: TicketMessage) {
    const { id } = this;
    if (!id || !this.content) return;
    await api.destroyNote(this.#project, id, note.id);
    const messages = this.content.messages.filter((one) => one.id !== note.id);
    this.#take(id, { ...this.content, messages });
  }

  /** Others see that something is being written. */
  setTyping(isTyping: boolean) {
    const isTold = isTyping === this.#isTyping && Date.now() - this.#toldAt < TYPING_MS;
    if (isTold || (!isTyping && !this.#isTyping)) return;
    this.#isTyping = isTyping;
    void this.#look(this.#abort.signal);
  }

  /** Others see that one has gone. */
  leave() {
    if (!this.id || this.#toldAt === 0) return;
    this.#toldAt = 0;
    // Else they see it when one has faded.
    void api.leave(this.#project, this.id).catch(() => undefined);
  }

  #beat(signal: AbortSignal) {
    if (signal.aborted) return;
    const beat = () => {
      if (document.visibilityState === "visible") void this.#look(signal);
    };
    beat();
    const timer = setInterval(beat, HEARTBEAT_MS);
    document.addEventListener("visibilitychange", beat);
    const stop = () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", beat);
    };
    signal.addEventListener("abort", stop, { once: true });
  }

  async #look(signal: AbortSignal) {
    const { id } = this;
    if (!id || signal.aborted) return;
    const now = Date.now();
    this.#toldAt = now;
    try {
      const { viewers } = await api.lookAt(this.#project, id, this.#isTyping);
      if (!signal.aborted) presence.take(id, viewers, now);
    } catch {
      // Who else looks is nice to know, and no more.
    }
  }

  async #readContent(id: string, signal: AbortSignal): Promise<Content> {
    const [content, activities] = await Promise.all([
      this.#readMessages(id, signal),
      this.#readActivities(id, signal),
    ]);
    return { ...content, activities };
  }

  async #readMessages(id: string, signal: AbortSignal): Promise<Omit<Content, "activities">> {
    const query = { limit: PAGE, offset: 0 };
    const first = await api.listMessages(this.#project, id, query, signal);
    if (first.count <= PAGE) return { messages: first.results, earlier: 0 };
    const offset = first.count - PAGE;
    const last = await api.listMessages(this.#project, id, { limit: PAGE, offset }, signal);
    return { messages: last.results, earlier: offset };
  }

  async #readActivities(id: string, signal: AbortSignal): Promise<Activity[]> {
    const page = await activityApi.listOfTicket(this.#project, id, signal);
    return page.results.toReversed();
  }

  #take(id: string, content: Content) {
    this.content = content;
    this.#keep(id, content);
  }

  #keep(id: string, content: Content) {
    this.#kept.delete(id);
    this.#kept.set(id, content);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > KEPT && !oldest.done) this.#kept.delete(oldest.value);
  }
}

/** Somebody else has sent it to the customer, or the customer has. */
export function isByOther(message: TicketMessage): boolean {
  return !message.is_private && !(message.author_type === "support" && isMine(message));
}

/** Who has written meanwhile, in whole sentences: for whoever is about to answer something older. */
export function newsWords(messages: TicketMessage[], customer: string): string {
  const words = messages.map((message) => {
    if (isByCustomer(message)) return `${customer} has written meanwhile.`;
    if (message.author_type === "AI") return "The assistant has answered meanwhile.";
    return `A colleague, ${authorOf(message)}, has answered meanwhile.`;
  });
  return [...new Set(words)].join(" ");
}

export function isByCustomer(message: TicketMessage): boolean {
  return message.author_type === "customer" && !message.is_private;
}

/** Who wrote it: somebody of the team by the whole name, as everywhere else. */
export function authorOf({ author_type, author_name, created_by }: TicketMessage): string {
  const isOfTeam = created_by !== null && author_type !== "customer" && author_type !== "AI";
  return isOfTeam ? fullName(created_by) : author_name;
}

/** Written by the person who looks. */
export function isMine(message: TicketMessage): boolean {
  return message.created_by !== null && message.created_by.id === session.me?.id;
}

export const thread = new Thread();
