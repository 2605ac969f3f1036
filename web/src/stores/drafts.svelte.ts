/**
 * What is being written. With every letter it is in the browser, soon afterwards on the server too: so neither a crash nor
 * another computer loses it. What could not be brought to the server is brought there later.
 */
import { SvelteMap } from "svelte/reactivity";
import * as api from "~/api/drafts";
import type { MacroActions } from "~/api/macros";
import { ApiError } from "~/api/client";
import { keep, kept } from "~/lib/storage";

const SAVE_MS = 1_200;
const RETRY_MS = 10_000;
const PREFIX = "thicket.draft";

interface Local {
  text: string;
  at: number;
  /** What is done to the ticket when it is sent. */
  actions?: MacroActions;
}

export type DraftKind = "reply" | "note";

class Drafts {
  readonly #texts = new SvelteMap<string, string>();
  readonly #actions = new SvelteMap<string, MacroActions>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #asked = new Set<string>();

  textOf(project: number, ticket: string, kind: DraftKind): string {
    const id = idOf(project, ticket, kind);
    return this.#texts.get(id) ?? kept<Local | null>(id, null)?.text ?? "";
  }

  /** What is done to the ticket with it, once it is sent. Only this browser knows. */
  actionsOf(project: number, ticket: string, kind: DraftKind): MacroActions {
    const id = idOf(project, ticket, kind);
    return this.#actions.get(id) ?? kept<Local | null>(id, null)?.actions ?? {};
  }

  setActions(project: number, ticket: string, kind: DraftKind, actions: MacroActions) {
    const id = idOf(project, ticket, kind);
    this.#actions.set(id, actions);
    this.#keep(id, this.textOf(project, ticket, kind), Date.now());
  }

  /** Whether something was begun here that is not sent. */
  has(project: number, ticket: string): boolean {
    return (
      this.textOf(project, ticket, "reply") !== "" || this.textOf(project, ticket, "note") !== ""
    );
  }

  /** What one was at in a ticket: a note if there is nothing but that, else the reply. */
  kindOf(project: number, ticket: string): DraftKind {
    const has = (kind: DraftKind) => this.textOf(project, ticket, kind) !== "";
    return has("note") && !has("reply") ? "note" : "reply";
  }

  set(project: number, ticket: string, kind: DraftKind, text: string) {
    const id = idOf(project, ticket, kind);
    this.#texts.set(id, text);
    // What a macro does goes with its text.
    if (text.trim() === "") this.#actions.set(id, {});
    this.#keep(id, text, Date.now());
    this.#save(project, ticket, kind, SAVE_MS);
  }

  /** Takes over what was written elsewhere, if it is newer than what is here. Asked once for each ticket. */
  async load(project: number, ticket: string, kind: DraftKind): Promise<void> {
    const id = idOf(project, ticket, kind);
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    const draft = await api.find(project, keyOf(ticket, kind)).catch(() => null);
    const here = kept<Local | null>(id, null);
    if (this.#timers.has(id)) return;
    const savedAt = draft?.updated_at ? new Date(draft.updated_at).getTime() : null;
    const isNewer = savedAt !== null && (!here || savedAt > here.at);
    if (isNewer && draft?.content) {
      this.#texts.set(id, draft.content);
      this.#keep(id, draft.content, savedAt);
    } else if (here && here.text !== draft?.content) {
      // It was written, and the page was gone before the server had it.
      this.#texts.set(id, here.text);
      this.#save(project, ticket, kind, 0);
    }
  }

  #keep(id: string, text: string, at: number) {
    const actions = this.#actions.get(id) ?? kept<Local | null>(id, null)?.actions ?? {};
    keep(id, text ? { text, at, actions } : null);
  }

  #save(project: number, ticket: string, kind: DraftKind, waitMs: number) {
    const id = idOf(project, ticket, kind);
    clearTimeout(this.#timers.get(id));
    const save = async () => {
      const text = this.#texts.get(id) ?? "";
      try {
        const key = keyOf(ticket, kind);
        if (text) await api.update(project, key, { content: text, is_private: kind === "note" });
        else await api.destroy(project, key);
        this.#timers.delete(id);
      } catch (error) {
        this.#timers.delete(id);
        // Refused for good: the browser's copy has to do.
        if (!(error instanceof ApiError) || error.status >= 500) {
          this.#save(project, ticket, kind, RETRY_MS);
        }
      }
    };
    this.#timers.set(
      id,
      setTimeout(() => void save(), waitMs),
    );
  }
}

const idOf = (project: number, ticket: string, kind: DraftKind) =>
  `${PREFIX}.${project}.${ticket}.${kind}`;
/** A reply is kept under the ticket's id, a note beside it. */
const keyOf = (ticket: string, kind: DraftKind) => (kind === "reply" ? ticket : `${ticket}-note`);

export const drafts = new Drafts();
