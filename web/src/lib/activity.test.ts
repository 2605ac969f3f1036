import { expect, test } from "vitest";
import type { Activity } from "~/api/activity";
import { describeInLog, describeSetting } from "./activity";

const activity = (change: Partial<Activity>): Activity => ({
  id: "1",
  scope: "Ticket",
  item_id: "t",
  activity: "updated",
  created_at: "2026-01-01T00:00:00Z",
  user: null,
  detail: {},
  ...change,
});
const ada = { id: 7, email: "ada@example.com" } as NonNullable<Activity["user"]>;
const assignee = { field: "assignee", before: null, after: { type: "user", id: 7, user: ada } };
const status = { field: "status", before: "new", after: "on_hold" };

test("every row of the log has a sentence", () => {
  for (const [change, sentence] of [
    [{ detail: { changes: [status] } }, "set the status to on hold"],
    [{ detail: { changes: [assignee] }, user: ada }, "took it"],
    [{ detail: { changes: [assignee] } }, "assigned it to ada@example.com"],
    [{ activity: "commented", detail: { changes: [] } }, "wrote a comment"],
    [{ activity: "secret_revealed", scope: "Project" }, "looked at the identity secret"],
    [{ scope: "Project", detail: { changes: [] } }, "changed the settings"],
    [{ activity: "key_created", detail: { name: "Cron" } }, "made the project key “Cron”"],
    [{ activity: "exported", detail: { name: "Acme" } }, "exported the project"],
    [{ activity: "invited", detail: { name: "jo@example.com" } }, "invited jo@example.com"],
    [
      {
        activity: "member_level_changed",
        detail: {
          name: "jo@example.com",
          changes: [{ field: "level", before: "member", after: "admin" }],
        },
      },
      "made jo@example.com an admin",
    ],
    [
      {
        activity: "tag_renamed",
        detail: { name: "bug", changes: [{ field: "name", before: "bug", after: "defect" }] },
      },
      "renamed the tag “bug” to “defect”",
    ],
    [{ activity: "of_tomorrow" }, "of tomorrow"],
  ] as [Partial<Activity>, string][]) {
    expect(describeInLog(activity(change))).toBe(sentence);
  }
});

test("a setting is shown with what it was", () => {
  expect(describeSetting({ field: "timezone", before: "UTC", after: "Asia/Tokyo" })).toEqual({
    name: "Time zone",
    before: "UTC",
    after: "Asia/Tokyo",
  });
  const hours = { days: ["monday"], time: ["09:00", "17:00"] };
  expect(describeSetting({ field: "business_hours", before: null, after: hours })).toEqual({
    name: "Office hours",
    before: "not set",
    after: "Monday, 09:00–17:00",
  });
  const { name, before, after } = describeSetting({
    field: "widget_greeting_text",
    before: "",
    after: "x".repeat(200),
  });
  expect([name, before, after.length]).toEqual(["Widget greeting text", "empty", 81]);
  expect(describeSetting({ field: "widget_enabled", before: false, after: true }).after).toBe("on");
});
