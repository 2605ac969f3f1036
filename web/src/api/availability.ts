/** Who takes tickets at the moment (`/api/projects/:id/conversations/availability/`). It holds for the organisation. */
import { get, put } from "./client.ts";
import type { Schemas } from "./types.ts";

export type Availability = Schemas["MemberAvailability"];

const base = (project: number) => `/api/projects/${project}/conversations/availability/`;

export const list = (project: number) => get<Availability[]>(base(project));

/** Of oneself; admins also of others. */
export const update = (project: number, user: number, isAvailable: boolean) =>
  put<Schemas["AvailabilityResult"]>(`${base(project)}${user}/`, { is_available: isAvailable });
