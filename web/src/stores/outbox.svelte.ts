/** Replies on their way. They are kept in the browser until the server has them, also over a reload. */
import type { MacroActions } from "~/api/macros";
import type { NewReply } from "~/api/tickets";
import { keep, kept } from "~/lib/storage";

export interface Outgoing {
  /** Names the attempt on the server, too. */
  localId: string;
  project: number;
  ticketId: string;
  reply: NewReply;
  /** What is done to the ticket afterwards. */
  then: MacroActions;
  /** The last message of others that was there when it was sent, and so was known. */
  seen: string | null;
  state: "sending" | "failed";
  error: string | null;
  /** The server may have it all the same. */
  isUnsure: boolean;
  at: number;
}

const KEY = "thicket.outbox";

class Outbox {
  list: Outgoing[] = $state.raw(interrupted(kept<Outgoing[]>(KEY, [])));

  add(
    project: number,
    ticketId: string,
    reply: NewReply,
    then: MacroActions,
    seen: string | null,
  ): Outgoing {
    const item: Outgoing = {
      localId: crypto.randomUUID(),
      project,
      ticketId,
      reply,
      then,
      seen,
      state: "sending",
      error: null,
      isUnsure: false,
      at: Date.now(),
    };
    this.#set([...this.list, item]);
    return item;
  }

  update(localId: string, change: Partial<Outgoing>) {
    this.#set(this.list.map((item) => (item.localId === localId ? { ...item, ...change } : item)));
  }

  remove(localId: string) {
    this.#set(this.list.filter((item) => item.localId !== localId));
  }

  #set(list: Outgoing[]) {
    this.list = list;
    keep(KEY, list.length > 0 ? list : null);
  }
}

/** Whatever was being sent when the page went away may or may not have arrived. */
function interrupted(list: Outgoing[]): Outgoing[] {
  const error = "The page was closed before this was confirmed.";
  return list.map((item) => ({ ...item, state: "failed", error, isUnsure: true }));
}

export const outbox = new Outbox();
