/** The history: our own conversations with the assistant, the latest first. */
import { explain } from "~/api/client";
import * as api from "~/api/conversations";
import type { ConversationMinimal } from "~/api/conversations";

const PAGE = 40;

class Conversations {
  list: ConversationMinimal[] = $state.raw([]);
  count = $state(0);
  state: "unknown" | "loading" | "known" = $state("unknown");
  failure: string | null = $state(null);
  #projectId = 0;

  readonly hasMore: boolean = $derived(this.list.length < this.count);

  /** Reads the first page again. */
  async load(projectId: number): Promise<void> {
    if (projectId !== this.#projectId) {
      this.#projectId = projectId;
      this.list = [];
      this.state = "unknown";
    }
    await this.#read(Math.max(PAGE, this.list.length), 0, (page) => page);
  }

  async loadMore(): Promise<void> {
    if (this.state === "loading" || !this.hasMore) return;
    await this.#read(PAGE, this.list.length, (page) => {
      const known = new Set(this.list.map((one) => one.id));
      return [...this.list, ...page.filter((one) => !known.has(one.id))];
    });
  }

  async #read(
    limit: number,
    offset: number,
    merge: (page: ConversationMinimal[]) => ConversationMinimal[],
  ) {
    const projectId = this.#projectId;
    this.state = "loading";
    this.failure = null;
    try {
      const page = await api.list(projectId, { query: { limit, offset } });
      if (projectId !== this.#projectId) return;
      this.list = merge(page.results);
      this.count = page.count;
    } catch (error) {
      this.failure = explain(error);
    } finally {
      this.state = "known";
    }
  }

  /** A conversation is new, has a new title, or was written in. */
  put(conversation: ConversationMinimal) {
    const others = this.list.filter((one) => one.id !== conversation.id);
    if (others.length === this.list.length) this.count += 1;
    this.list = [conversation, ...others].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
  }

  /** A conversation has changed; one that is not in the list, such as a colleague's, stays out of it. */
  update(changed: ConversationMinimal) {
    if (this.list.some((one) => one.id === changed.id)) this.put(changed);
  }

  async remove(id: string): Promise<void> {
    await api.destroy(this.#projectId, id);
    this.list = this.list.filter((one) => one.id !== id);
    this.count -= 1;
  }
}

export const conversations = new Conversations();
