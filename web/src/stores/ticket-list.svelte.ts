/**
 * A list of tickets of any length. It knows how long it is and loads what is looked at; what changes meanwhile is taken over
 * in place, so nothing jumps under the reader's eyes.
 */
import { explain, isAbort } from "~/api/client";
import * as api from "~/api/tickets";
import type { Ticket, TicketQuery } from "~/api/tickets";
import type { Sort } from "~/lib/filters";
import { tickets } from "./tickets.svelte";

const CHUNK = 50;
/** Changes are gathered for so long before the server is asked about them. */
const GATHER_MS = 60;
/** The most tickets that are asked about at once; beyond it the list is read anew. */
const ASK_MAX = 100;

class TicketList {
  /** Ids by place; undefined where nothing is loaded yet. */
  ids: (string | undefined)[] = $state.raw([]);
  state: "loading" | "ready" | "failed" = $state("loading");
  failure: string | null = $state(null);
  /** Tickets that belong further up than where the reader is; see {@link reload}. */
  waiting = $state(0);
  /** Chosen with boxes, for doing something to many. */
  chosen: ReadonlySet<string> = $state.raw(new Set());
  /** Somebody is about to choose: the boxes are there before the first is ticked, as a finger finds none by hovering. */
  #isChoosing = $state(false);

  /** The reader is at the very top: there new tickets may push the others down. */
  isAtTop = true;
  /** Ends when what was asked for last is there, or could not be had. */
  reading: Promise<void> = Promise.resolve();

  #project = 0;
  #query: TicketQuery = {};
  #key = "";
  #sort: Sort = "-updated_at";
  #abort = new AbortController();
  #chunks = new Set<number>();
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Where a range of choices begins. */
  #anchor: string | null = null;

  get length() {
    return this.ids.length;
  }

  get isChoosing() {
    return this.#isChoosing || this.chosen.size > 0;
  }

  /** Shows another list; nothing happens if it is the same. */
  open(project: number, query: TicketQuery, sort: Sort) {
    const key = JSON.stringify([project, query]);
    // A saved view's own order becomes known a little later than its name.
    this.#sort = sort;
    if (key === this.#key) return;
    if (project !== this.#project) tickets.clear();
    this.#key = key;
    this.#project = project;
    this.#query = query;
    this.chooseNone();
    this.reading = this.reload();
  }

  /** Reads the list from its beginning. What is shown stays until the answer is there. */
  async reload(): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#changed.clear();
    this.state = "loading";
    try {
      const query = { ...this.#query, limit: CHUNK, offset: 0 };
      const page = await api.list(this.#project, query, signal);
      tickets.put(...page.results);
      const ids: (string | undefined)[] = new Array<undefined>(page.count).fill(undefined);
      page.results.forEach((ticket, index) => (ids[index] = ticket.id));
      this.ids = ids;
      this.#chunks = new Set();
      this.waiting = 0;
      this.state = "ready";
      this.failure = null;
    } catch (error) {
      if (isAbort(error)) return;
      this.failure = explain(error);
      this.state = "failed";
    }
  }

  /** Loads what is missing between two places. */
  ensure(from: number, to: number) {
    if (this.state !== "ready") return;
    for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK <= to; chunk += 1) {
      if (chunk * CHUNK >= this.length) break;
      const isThere = this.ids.slice(chunk * CHUNK, (chunk + 1) * CHUNK).every(Boolean);
      if (!isThere && !this.#chunks.has(chunk)) void this.#load(chunk);
    }
  }

  async #load(chunk: number) {
    const { signal } = this.#abort;
    this.#chunks.add(chunk);
    try {
      const query = { ...this.#query, limit: CHUNK, offset: chunk * CHUNK };
      const page = await api.list(this.#project, query, signal);
      tickets.put(...page.results);
      const ids = this.ids.slice();
      const known = new Set(page.results.map((ticket) => ticket.id));
      // What has moved down meanwhile is told twice: its new place counts.
      ids.forEach((id, index) => {
        if (id && known.has(id)) ids[index] = undefined;
      });
      page.results.forEach((ticket, index) => (ids[chunk * CHUNK + index] = ticket.id));
      ids.length = Math.max(page.count, chunk * CHUNK + page.results.length);
      this.ids = Array.from(ids);
    } catch (error) {
      if (!isAbort(error)) this.failure = explain(error);
    } finally {
      this.#chunks.delete(chunk);
    }
  }

  /** A ticket has changed, or is new. */
  touch(id: string) {
    this.#changed.add(id);
    this.#soon();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#takeOver(), GATHER_MS);
  }

  async #takeOver() {
    // An answer that is under way may be older than the change.
    if (this.state === "loading") return this.#soon();
    const asked = [...this.#changed];
    this.#changed.clear();
    if (asked.length === 0 || this.state !== "ready") return;
    if (asked.length > ASK_MAX) return this.reload();
    const { signal } = this.#abort;
    try {
      const query = { ...this.#query, ids: asked.join(","), limit: ASK_MAX, offset: 0 };
      const page = await api.list(this.#project, query, signal);
      tickets.put(...page.results);
      this.#merge(asked, page.results);
    } catch (error) {
      // The connection's own return brings everything up to date.
      if (!isAbort(error)) asked.forEach((id) => this.#changed.add(id));
    }
  }

  /** Puts tickets where they belong now: at once at the top of the list, else when the reader asks for it. */
  #merge(asked: string[], found: Ticket[]) {
    const belongs = new Set(found.map((ticket) => ticket.id));
    let ids = this.ids.filter((id) => !id || belongs.has(id) || !asked.includes(id));
    const known = new Set(ids);
    for (const ticket of found) {
      if (known.has(ticket.id) && !this.isAtTop) continue;
      if (!known.has(ticket.id) && !this.isAtTop) {
        this.waiting += 1;
        continue;
      }
      ids = ids.filter((id) => id !== ticket.id);
      const place = this.#placeOf(ticket, ids);
      // Beyond what is loaded: it is only counted.
      if (place === null) ids.push(undefined);
      else ids.splice(place, 0, ticket.id);
    }
    this.ids = ids;
    const chosen = [...this.chosen].filter((id) => !asked.includes(id) || belongs.has(id));
    if (chosen.length === this.chosen.size) return;
    this.chosen = new Set(chosen);
    // What they were chosen for is done.
    if (chosen.length === 0) this.chooseNone();
  }

  #placeOf(ticket: Ticket, ids: (string | undefined)[]): number | null {
    for (const [place, id] of ids.entries()) {
      const other = tickets.find(id);
      if (!other) return null;
      if (this.#isBefore(ticket, other)) return place;
    }
    return ids.length;
  }

  #isBefore(a: Ticket, b: Ticket): boolean {
    const field = this.#sort.replace("-", "") as "updated_at" | "created_at" | "sla_due_at";
    const [left, right] = [a[field], b[field]];
    // Without a date: last, whatever the order.
    if (left === null || right === null) return left !== null && right === null;
    if (left === right) return a.ticket_number > b.ticket_number;
    return this.#sort.startsWith("-") ? left > right : left < right;
  }

  /** The place of a ticket in what is loaded, or -1. */
  placeOf(id: string | undefined): number {
    return id === undefined ? -1 : this.ids.indexOf(id);
  }

  beginChoosing() {
    this.#isChoosing = true;
  }

  /** Chooses or no longer chooses a ticket; with `toHere`, everything from the last choice on. */
  choose(id: string, toHere = false) {
    const chosen = new Set(this.chosen);
    const from = toHere ? this.placeOf(this.#anchor ?? undefined) : -1;
    const to = this.placeOf(id);
    if (from >= 0 && to >= 0) {
      const range = this.ids.slice(Math.min(from, to), Math.max(from, to) + 1);
      range.forEach((one) => one && chosen.add(one));
    } else if (!chosen.delete(id)) {
      chosen.add(id);
    }
    this.#anchor = id;
    this.chosen = chosen;
  }

  chooseAllLoaded() {
    this.chosen = new Set(this.ids.filter((id) => id !== undefined));
  }

  chooseNone() {
    this.#isChoosing = false;
    this.chosen = new Set();
    this.#anchor = null;
  }
}

export const ticketList = new TicketList();
