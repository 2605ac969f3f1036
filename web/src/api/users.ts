import { get, patch } from "./client.ts";
import type { Me } from "./types.ts";

/** Who is signed in. */
export const find = () => get<Me>("/api/users/@me/");

export const update = (change: Record<string, unknown>) => patch<Me>("/api/users/@me/", change);
