/** Who changed what, in words: for a ticket's own history, and for the log of the whole project. */
import type { Activity, Change } from "~/api/activity";
import { hoursWords, type OfficeHours } from "./office-hours";
import type { Assignee } from "~/api/tickets";
import { PRIORITY_WORDS, STATUS_WORDS } from "./tickets";
import { until } from "./time";

/** What was done to a ticket, as the rest of a sentence that begins with who did it; null for what goes without saying. */
export function describe(activity: Activity, nameOf = nameOfAssignee): string | null {
  const changes = activity.detail.changes ?? [];
  // When a customer begins a ticket, their first message says so.
  if (activity.activity === "created") return activity.user ? "opened the ticket" : null;
  if (activity.activity === "merged") return "merged tickets";
  if (activity.activity === "deleted") return "deleted the ticket";
  const parts = changes
    .map((one) => describeChange(one, nameOf, activity.user?.id))
    .filter((part) => part !== null);
  return parts.length > 0 ? parts.join(" and ") : null;
}

function nameOfAssignee(assignee: Assignee): string {
  if (assignee.type === "role") return assignee.role?.name ?? "a role";
  return assignee.user?.email ?? "somebody";
}

function describeChange(
  { field, after }: Change,
  nameOf: typeof nameOfAssignee,
  by: number | undefined,
): string | null {
  if (field === "status") return `set the status to ${word(STATUS_WORDS, after)}`;
  if (field === "priority") {
    return after ? `set the priority to ${word(PRIORITY_WORDS, after)}` : "removed the priority";
  }
  if (field === "assignee") {
    if (!after) return "unassigned it";
    const assignee = after as Assignee;
    if (assignee.type === "user" && assignee.id === by) return "took it";
    return `assigned it to ${nameOf(assignee)}`;
  }
  if (field === "snoozed_until")
    return after ? `snoozed it until ${until(String(after))}` : "brought it back";
  if (field === "sla_due_at")
    return after ? `made it due ${until(String(after))}` : "removed the due date";
  return null;
}

function word(words: Record<string, string>, value: unknown): string {
  return (words[String(value)] ?? String(value)).toLowerCase();
}

/** What was done besides changes of fields. */
const DONE: Record<string, string> = {
  created: "opened the ticket",
  commented: "wrote a comment",
  purged: "removed for good",
  widget_token_replaced: "replaced the widget's token",
  secret_revealed: "looked at the identity secret",
  secret_rotated: "made a new identity secret",
  old_secret_dropped: "dropped the old identity secret",
  member_joined: "joined by an invitation",
  member_left: "left",
  exported: "exported the project",
};

/** What was done to something that has a name. */
const DONE_TO: Record<string, (name: string) => string> = {
  key_created: (name) => `made the project key “${name}”`,
  key_revoked: (name) => `revoked the project key “${name}”`,
  mail_resent: (name) => `sent the mail “${name}” again`,
  invited: (email) => `invited ${email}`,
  invitation_withdrawn: (email) => `took the invitation of ${email} back`,
  member_removed: (email) => `took ${email} out`,
  article_created: (title) => `wrote the article “${title}”`,
  article_updated: (title) => `changed the article “${title}”`,
  article_deleted: (title) => `deleted the article “${title}”`,
  guidance_created: (name) => `made the guidance “${name}”`,
  guidance_updated: (name) => `changed the guidance “${name}”`,
  guidance_deleted: (name) => `deleted the guidance “${name}”`,
  tag_deleted: (name) => `deleted the tag “${name}”`,
};

/** What became of something with a name, given what it is now. */
const CHANGED: Record<string, (name: string, after: string) => string> = {
  member_level_changed: (email, level) =>
    `made ${email} ${level === "admin" ? "an admin" : "a member"}`,
  tag_renamed: (name, after) => `renamed the tag “${name}” to “${after}”`,
  tag_merged: (name, after) => `merged the tag “${name}” into “${after}”`,
};

/** A row of the project's log, as the rest of a sentence that begins with who did it. Every row has one. */
export function describeInLog(activity: Activity, nameOf = nameOfAssignee): string {
  const { activity: done, detail } = activity;
  const name = detail.name ?? "";
  const after = String(detail.changes?.[0]?.after ?? "");
  const told = DONE_TO[done]?.(name) ?? CHANGED[done]?.(name, after);
  if (told) return told;
  if (activity.scope === "Project" && done === "updated") return "changed the settings";
  return describe(activity, nameOf) ?? DONE[done] ?? done.replace(/_/g, " ");
}

/** Names of settings that are not what their words say. */
const SETTINGS: Record<string, string> = {
  ai_replies: "Replies by the assistant",
  ai_suggestions: "Suggested replies",
  ai_opens_tickets: "Tickets from conversations",
  business_hours: "Office hours",
  conversations_enabled: "Conversations and tickets",
  is_ai_data_processing_approved: "Texts may go to the model",
  notification_recipients: "Who is told of new tickets",
  reopen_on_customer_message: "Messages reopen resolved tickets",
  sla_warning_minutes: "Warnings, in minutes before the due time",
  timezone: "Time zone",
  widget_domains: "Sites of the widget",
};

/** A changed setting: its name, and the values before and now. */
export function describeSetting({ field, before, after }: Change): {
  name: string;
  before: string;
  after: string;
} {
  const words = field.replace(/_/g, " ");
  const name = SETTINGS[field] ?? words.charAt(0).toUpperCase() + words.slice(1);
  const told = (value: unknown) =>
    field === "business_hours" && value ? hoursWords(value as OfficeHours) : shown(value);
  return { name, before: told(before), after: told(after) };
}

const LONGEST = 80;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.length > 0 ? value.map(shown).join(", ") : "none";
  if (typeof value === "object") return Object.values(value).map(shown).join(", ");
  const text = String(value);
  if (text === "") return "empty";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
