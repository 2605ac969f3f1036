/**
 * What happens in the project, as it happens: one connection for the whole page. Stores and pages listen to it; nobody asks
 * the server again and again.
 */
import { follow, type LinkState } from "~/api/events";

/** Something that happened to a ticket, or somebody who looks at one. */
export interface LiveEvent {
  /** Such as `$conversation_message_received`, or `ticket_changed`. */
  event: string;
  properties: {
    ticket_id?: string;
    ticket_number?: number;
    actor_type?: string;
    actor_id?: number;
    [name: string]: unknown;
  };
  timestamp: string;
}

type Listener = (event: LiveEvent) => void;

class Live {
  state: LinkState | "off" = $state("off");
  /** Since when the line is cut; null while it stands. */
  cutSince: number | null = $state(null);
  readonly #listeners = new Set<Listener>();
  readonly #gapListeners = new Set<() => void>();

  /** Listens to a project until the returned function is called. */
  start(projectId: number): () => void {
    const abort = new AbortController();
    void follow({
      path: `/api/projects/${projectId}/conversations/events/`,
      signal: abort.signal,
      onState: (state) => {
        if (abort.signal.aborted) return;
        this.cutSince = state === "live" ? null : (this.cutSince ?? Date.now());
        this.state = state;
      },
      onGap: () => this.#gapListeners.forEach((listener) => listener()),
      onEvent: ({ data }) => {
        let event: LiveEvent;
        try {
          event = JSON.parse(data) as LiveEvent;
        } catch {
          return;
        }
        this.#listeners.forEach((listener) => listener(event));
      },
    });
    return () => {
      abort.abort();
      this.state = "off";
      this.cutSince = null;
    };
  }

  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back when events were missed for good. */
  onGap(listener: () => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }
}

export const live = new Live();
