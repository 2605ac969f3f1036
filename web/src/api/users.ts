/** Ourselves (`/api/users/@me/`). */
import { del, get, patch, post } from "./client.ts";
import type { Me, Page, Schemas } from "./types.ts";

/** A browser in which we are signed in. */
export type Session = Schemas["Session"];

/** Who is signed in. */
export const find = () => get<Me>("/api/users/@me/");

export const update = (change: Record<string, unknown>) => patch<Me>("/api/users/@me/", change);

export const listSessions = () =>
  get<Page<Session>>("/api/users/@me/sessions/", { query: { limit: 100 } });

export const endSession = (id: string) => del(`/api/users/@me/sessions/${id}/`);

/** Also the one that asks. */
export const endAllSessions = () => post<undefined>("/api/logout/everywhere/");
