/** Our own keys (`/api/personal_api_keys/`). */
import { del, get, post } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type PersonalApiKey = Schemas["PersonalApiKey"];

/** A key that was just made, with its secret, which is shown this once. */
export type NewPersonalApiKey = Schemas["NewPersonalApiKey"];

export type ScopeDescription = Schemas["ScopeDescription"];

const BASE = "/api/personal_api_keys/";

export const list = () => get<Page<PersonalApiKey>>(BASE, { query: { limit: 200 } });

export const listScopes = () => get<{ results: ScopeDescription[] }>(`${BASE}scopes/`);

export const create = (key: { label: string; scopes: string[]; scoped_teams?: number[] }) =>
  post<NewPersonalApiKey>(BASE, key);

export const destroy = (id: string) => del(`${BASE}${id}/`);
