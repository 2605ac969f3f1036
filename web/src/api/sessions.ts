/** Signing in and out, the first set-up, and invitations. */
import { get, post } from "./client.ts";
import type { Me, Schemas } from "./types.ts";

export const signIn = (email: string, password: string) =>
  post<Me>("/api/login/", { email, password });

export const signOut = () => post<undefined>("/api/logout/");

/** Whether this server waits for its first person. */
export const findSetup = () => get<{ is_needed: boolean }>("/api/setup/");

export interface NewServer {
  organization_name: string;
  project_name: string;
  name: string;
  email: string;
  password: string;
}

/** Makes the first organisation, project and admin, and signs the admin in. */
export const setUp = (server: NewServer) => post<Me>("/api/setup/", server);

export type Invite = Schemas["Invitation"];

/** What an invitation is to. */
export const findInvite = (token: string) =>
  get<Invite>(`/api/invites/${encodeURIComponent(token)}/`);

/** Joins. Who has no account says who they are, and is signed in; who has one must be signed in already. */
export const acceptInvite = (token: string, person?: { name: string; password: string }) =>
  post<Me>(`/api/invites/${encodeURIComponent(token)}/`, person ?? {});
