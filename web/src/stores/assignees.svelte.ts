/** Whom tickets can be assigned to. */
import * as api from "~/api/assignees";
import type { AssigneeRole, AssigneeUser } from "~/api/assignees";
import type { Assignee } from "~/api/tickets";

class Assignees {
  users: AssigneeUser[] = $state.raw([]);
  roles: AssigneeRole[] = $state.raw([]);

  async load(project: number) {
    try {
      const found = await api.list(project);
      this.users = found.users;
      this.roles = found.roles;
    } catch {
      // Nobody can be chosen then; names are still told by the tickets.
    }
  }

  /** What an assignee is called. */
  nameOf(assignee: Assignee | null | undefined): string {
    if (!assignee) return "Unassigned";
    if (assignee.type === "role") {
      const role = this.roles.find((one) => one.id === assignee.id);
      return role?.name ?? assignee.role?.name ?? "A role";
    }
    const user = this.users.find((one) => one.id === assignee.id);
    return user ? fullName(user) : (assignee.user?.email ?? "Somebody");
  }
}

export function fullName(user: { first_name: string; last_name: string; email: string }): string {
  return [user.first_name, user.last_name].filter(Boolean).join(" ") || user.email;
}

export const assignees = new Assignees();
