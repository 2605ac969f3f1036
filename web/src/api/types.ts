/**
 * The API's words. They come from the OpenAPI document; what that leaves open ("an object") is said here in full.
 */
import type { components } from "./schema.d.ts";

export type Schemas = components["schemas"];

/** A page of a list. */
export interface Page<T> {
  count: number;
  next: string | null;
  previous: string | null;
  results: T[];
}

export type Me = Schemas["Me"];
export type ProjectSummary = Schemas["UserProject"];
export type Project = Schemas["Project"];
export type UserBasic = Schemas["UserBasic"];

/** Members of 1 are members, of 8 and more admins. */
export const ADMIN_LEVEL = 8;
