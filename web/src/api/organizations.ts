/** Who belongs to an organisation: members, invitations, roles (`/api/organizations/:id/…`). */
import { del, get, patch, post } from "./client.ts";
import type { Page, Schemas } from "./types.ts";

export type Member = Schemas["OrganizationMember"];
export type Role = Schemas["Role"];

/** An invitation that waits to be accepted; its link is only in the answer to who has invited. */
export type Invite = Schemas["Invite"];

const base = (organizationId: string) => `/api/organizations/${organizationId}/`;
const query = { limit: 1000 };

export const listMembers = (organizationId: string) =>
  get<Page<Member>>(`${base(organizationId)}members/`, { query });

export const updateMember = (organizationId: string, userId: number, level: number) =>
  patch<Member>(`${base(organizationId)}members/${userId}/`, { level });

export const removeMember = (organizationId: string, userId: number) =>
  del(`${base(organizationId)}members/${userId}/`);

export const listInvites = (organizationId: string) =>
  get<Page<Invite>>(`${base(organizationId)}invites/`, { query });

export const invite = (organizationId: string, email: string, level: number) =>
  post<Invite>(`${base(organizationId)}invites/`, { email, level });

export const removeInvite = (organizationId: string, inviteId: string) =>
  del(`${base(organizationId)}invites/${inviteId}/`);

export const listRoles = (organizationId: string) =>
  get<Page<Role>>(`${base(organizationId)}roles/`, { query });

export const createRole = (organizationId: string, name: string) =>
  post<Role>(`${base(organizationId)}roles/`, { name });

export const removeRole = (organizationId: string, roleId: string) =>
  del(`${base(organizationId)}roles/${roleId}/`);

export const addToRole = (organizationId: string, roleId: string, userId: number) =>
  post<unknown>(`${base(organizationId)}roles/${roleId}/members/`, { user: userId });

export const removeFromRole = (organizationId: string, roleId: string, userId: number) =>
  del(`${base(organizationId)}roles/${roleId}/members/${userId}/`);
