/** Signing in and out, the first set-up, and invitations. */
import { get, post } from "./client.ts";

/** Whether this server waits for its first person. */
export const findSetup = () => get<{ needs_setup: boolean }>("/api/setup/");

export interface NewAdmin {
  organization: string;
  first_name: string;
  email: string;
  password: string;
}

export const setUp = (admin: NewAdmin) => post<unknown>("/api/setup/", admin);

export const signIn = (email: string, password: string) =>
  post<unknown>("/api/login/", { email, password });

export const signOut = () => post<unknown>("/api/logout/");
