/** A reply that the assistant suggests, until somebody takes or leaves it. */
import { explain, isAbort } from "~/api/client";
import * as api from "~/api/tickets";
import type { Source } from "~/api/tickets";

class Suggested {
  state: "none" | "asking" | "there" | "failed" = $state("none");
  text = $state("");
  sources: Source[] = $state.raw([]);
  failure: string | null = $state(null);
  #abort = new AbortController();

  async ask(project: number, ticket: string) {
    this.dismiss();
    this.state = "asking";
    try {
      const found = await api.suggestReply(project, ticket, this.#abort.signal);
      this.text = found.suggestion;
      this.sources = found.sources ?? [];
      this.state = "there";
    } catch (error) {
      if (isAbort(error)) return;
      this.failure = explain(error);
      this.state = "failed";
    }
  }

  dismiss() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.state = "none";
    this.text = "";
    this.sources = [];
    this.failure = null;
  }
}

export const suggested = new Suggested();
