/** Replies on their way. They are kept in the browser until the server has them, also over a reload. */
import type { MacroActions } from "~/api/macros";
import { STATUSES, type NewReply, type Status } from "~/api/tickets";
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
  list: Outgoing[] = $state.raw(interrupted(kept<unknown>(KEY, [])));

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
function interrupted(list: unknown): Outgoing[] {
  const error = "The page was closed before this was confirmed.";
  if (!Array.isArray(list)) return [];
  return list.filter(isOutgoing).map((item) => ({
    ...item,
    then: actionsOf(item.then),
    seen: item.seen ?? null,
    state: "failed",
    error,
    isUnsure: true,
  }));
}

/** What every build has kept of a reply; of `then` and `seen` older ones knew less. */
type Kept = Omit<Outgoing, "then" | "seen"> & { then?: unknown; seen?: string | null };

/** Anything may lie in the browser's store: what cannot be shown and sent again is left out. */
function isOutgoing(item: unknown): item is Kept {
  if (typeof item !== "object" || item === null) return false;
  const { localId, project, ticketId, reply, at } = item as Partial<Kept>;
  return (
    typeof localId === "string" &&
    typeof project === "number" &&
    typeof ticketId === "string" &&
    typeof reply?.message === "string" &&
    typeof reply.is_private === "boolean" &&
    typeof at === "number"
  );
}

/** Before macros could do more, it was a status or nothing. */
function actionsOf(then: unknown): MacroActions {
  if (STATUSES.includes(then as Status)) return { status: then as Status };
  const isActions = typeof then === "object" && then !== null && !Array.isArray(then);
  return isActions ? then : {};
}

export const outbox = new Outbox();
