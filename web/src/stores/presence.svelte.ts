/**
 * Who else looks at the tickets of the project, and who types there. The event stream tells it; whoever is not heard of any
 * more fades, as the server says they do.
 */
import type { UserBasic } from "~/api/types";

/** After the last sign of life. */
const FADES_MS = 30_000;
/** After the last word that they type. */
const TYPING_FADES_MS = 8_000;

export type Viewer = UserBasic & { isTyping: boolean };

/** What the event stream says of one person at one ticket. */
export interface PresenceNews {
  ticket_id: string;
  viewer: UserBasic;
  state: "viewing" | "typing" | "left";
}

interface Sighting {
  ticketId: string;
  user: UserBasic;
  seenAt: number;
  typedAt: number | null;
}

class Presence {
  /** In the order in which they came. */
  #sightings: Sighting[] = $state.raw([]);
  #timer: ReturnType<typeof setTimeout> | undefined;

  of(ticketId: string | null | undefined): Viewer[] {
    return this.#sightings
      .filter((one) => one.ticketId === ticketId)
      .map(({ user, typedAt }) => ({ ...user, isTyping: typedAt !== null }));
  }

  hear({ ticket_id: ticketId, viewer: user, state }: PresenceNews, now = Date.now()) {
    if (state === "left") {
      this.#set(this.#sightings.filter((one) => !isAt(one, ticketId, user.id)));
      return;
    }
    const typedAt = state === "typing" ? now : null;
    this.#put({ ticketId, user, seenAt: now, typedAt });
  }

  /** The server's list of who looks at a ticket, as it was asked for at a moment. Who has come since stays. */
  take(ticketId: string, users: UserBasic[], askedAt: number, now = Date.now()) {
    const isHere = (one: Sighting) => users.some((user) => user.id === one.user.id);
    this.#set(
      this.#sightings.filter(
        (one) => one.ticketId !== ticketId || isHere(one) || one.seenAt > askedAt,
      ),
    );
    for (const user of users) {
      const known = this.#sightings.find((one) => isAt(one, ticketId, user.id));
      // Just when they were seen last the list does not say; if they have gone, the next one knows.
      if (!known) this.#put({ ticketId, user, seenAt: now, typedAt: null });
    }
  }

  clear() {
    this.#set([]);
  }

  #put(sighting: Sighting) {
    const { ticketId, user } = sighting;
    const index = this.#sightings.findIndex((one) => isAt(one, ticketId, user.id));
    this.#set(index < 0 ? [...this.#sightings, sighting] : this.#sightings.with(index, sighting));
  }

  #set(sightings: Sighting[]) {
    this.#sightings = sightings;
    clearTimeout(this.#timer);
    const ends = sightings.flatMap(({ seenAt, typedAt }) => [
      seenAt + FADES_MS,
      ...(typedAt === null ? [] : [typedAt + TYPING_FADES_MS]),
    ]);
    if (ends.length === 0) return;
    this.#timer = setTimeout(() => this.#fade(), Math.max(0, Math.min(...ends) - Date.now()));
  }

  #fade() {
    const now = Date.now();
    const present = this.#sightings.filter((one) => one.seenAt + FADES_MS > now);
    this.#set(
      present.map((one) =>
        one.typedAt !== null && one.typedAt + TYPING_FADES_MS <= now
          ? { ...one, typedAt: null }
          : one,
      ),
    );
  }
}

const isAt = (one: Sighting, ticketId: string, user: number) =>
  one.ticketId === ticketId && one.user.id === user;

export const presence = new Presence();
