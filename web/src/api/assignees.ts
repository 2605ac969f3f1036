/** Whom tickets of a project can be assigned to. */
import { get } from "./client.ts";

export interface AssigneeUser {
  id: number;
  first_name: string;
  last_name: string;
  email: string;
}

export interface AssigneeRole {
  id: string;
  name: string;
  members: number[];
}

export const list = (project: number) =>
  get<{ users: AssigneeUser[]; roles: AssigneeRole[] }>(
    `/api/projects/${project}/conversations/assignees/`,
  );
