/**
 * Everything there is to see in the app, and how one comes to see it. `access.test.ts` looks at each with the eyes of those
 * who cannot see well; with SCREENSHOTS=<folder> it also takes a picture of each, to be looked at by people.
 */
import type { Page } from "playwright-core";
import { composer, messages, openInbox, openTicket, row } from "./desk.ts";
import type { Server } from "./server.ts";

/** What the scenes play with. */
export interface Stage {
  server: Server;
  /** The number of a sample customer's ticket. */
  numberOf: (name: string) => number;
  conversation: string;
  invitation: string;
  view: string;
}

export interface Scene {
  name: string;
  /** Nobody is signed in. */
  isOutside?: boolean;
  /** Only on narrow screens, or only on wide ones. */
  only?: "narrow" | "wide";
  /** Comes to it from an empty page, and waits until all of it is there. */
  enter: (page: Page, stage: Stage) => Promise<unknown>;
}

const QUESTION = "What happens to an answer when I close the tab?";

/** Prepares what scenes need and the sample does not have. */
export async function setStage(server: Server): Promise<Stage> {
  interface Found {
    ticket_number: number;
    anonymous_traits: { name: string };
  }
  const { results } = await server.call<{ results: Found[] }>(
    "GET",
    "/conversations/tickets/?limit=100",
  );
  const numbers = new Map(results.map((one) => [one.anonymous_traits.name, one.ticket_number]));
  const conversation = crypto.randomUUID();
  await server.call("POST", "/api/environments/1/conversations/", {
    content: QUESTION,
    conversation,
    trace_id: crypto.randomUUID(),
  });
  const { link } = await server.call<{ link: string }>(
    "POST",
    "/api/organizations/@current/invites/",
    { email: "ada@example.com" },
  );
  const { short_id } = await server.call<{ short_id: string }>("POST", "/conversations/views/", {
    name: "Streaming",
    filters: { tags: ["streaming"] },
    is_favorited: true,
  });
  return {
    server,
    numberOf: (name) => {
      const number = numbers.get(name);
      if (number === undefined) throw new Error(`${name} is nobody in the sample`);
      return number;
    },
    conversation,
    invitation: new URL(link).pathname,
    view: short_id,
  };
}

const CLARA = "Clara Hoffmann";
const open = (page: Page, stage: Stage, name = CLARA) => openTicket(page, stage.numberOf(name));

const settings = (section: string, then?: (page: Page) => Promise<unknown>): Scene => ({
  name: `settings-${section.replaceAll("/", "-")}${then ? "-open" : ""}`,
  enter: async (page) => {
    await page.goto(`/project/1/settings/${section}`);
    await page.locator(".card, .panes").first().waitFor();
    await then?.(page);
  },
});

const key =
  (name: string, wait: (page: Page) => Promise<unknown>) => async (page: Page, stage: Stage) => {
    await open(page, stage);
    await page.keyboard.press(name);
    await wait(page);
  };
const listbox = (page: Page) => page.getByRole("listbox").waitFor();
const dialog = (page: Page) => page.getByRole("dialog").waitFor();
const press = (page: Page, name: string | RegExp) =>
  page.getByRole("button", { name }).first().click();

export const scenes: Scene[] = [
  {
    name: "signin",
    isOutside: true,
    enter: async (page) => {
      await page.goto("/signin");
      await page.getByLabel("E-mail").waitFor();
    },
  },
  {
    name: "signin-refused",
    isOutside: true,
    enter: async (page) => {
      await page.goto("/signin");
      await page.getByLabel("E-mail").fill("demo@example.com");
      await page.getByLabel("Password").fill("not this one");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "setup",
    isOutside: true,
    enter: async (page) => {
      await page.route("**/api/setup/", (route) => route.fulfill({ json: { is_needed: true } }));
      await page.goto("/setup");
      await page.getByLabel("Organisation").waitFor();
    },
  },
  {
    name: "invitation",
    isOutside: true,
    enter: async (page, { invitation }) => {
      await page.goto(invitation);
      await page.getByLabel("Your name").waitFor();
    },
  },
  {
    name: "invitation-expired",
    isOutside: true,
    enter: async (page) => {
      await page.goto("/invite/of-no-use");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "in-no-project",
    enter: async (page) => {
      await page.route("**/api/users/@me/", async (route) => {
        const response = await route.fetch();
        const me = (await response.json()) as object;
        await route.fulfill({ json: { ...me, organization: null, team: null, organizations: [] } });
      });
      await page.goto("/");
      await page.getByRole("heading", { name: "You are in no project yet" }).waitFor();
    },
  },
  {
    name: "no-such-page",
    enter: async (page) => {
      await page.goto("/project/1/nowhere");
      await page.getByRole("heading").waitFor();
    },
  },

  ...["mine", "unassigned", "open", "snoozed", "breaching", "resolved"].map((view): Scene => ({
    name: `inbox-${view}`,
    enter: async (page) => {
      await openInbox(page, view);
      await page.locator(".viewport li, .empty").first().waitFor();
    },
  })),
  {
    name: "inbox-saved-view",
    enter: async (page, { view }) => {
      await openInbox(page, view);
      await row(page, CLARA).waitFor();
      await page.getByRole("heading", { name: "Streaming" }).waitFor();
    },
  },
  {
    name: "inbox-filtered",
    enter: async (page) => {
      await openInbox(page, "open", "?priority=high,critical");
      await row(page, CLARA).waitFor();
    },
  },
  {
    name: "inbox-nothing-found",
    enter: async (page) => {
      await openInbox(page, "open", "?q=nothing+like+this");
      await page.getByText("No ticket fits").waitFor();
    },
  },
  {
    name: "inbox-all-done",
    enter: async (page) => {
      await page.route(/\/tickets\/\?/, (route) =>
        route.fulfill({ json: { count: 0, results: [], next: null, previous: null } }),
      );
      await openInbox(page);
      await page.getByText("All done").waitFor();
    },
  },
  {
    name: "inbox-loading",
    enter: async (page) => {
      await page.route(/\/tickets\/\?/, () => undefined);
      await openInbox(page);
    },
  },
  {
    name: "inbox-failed",
    enter: async (page) => {
      await page.route(/\/tickets\/\?/, (route) => route.fulfill({ status: 500, json: {} }));
      await openInbox(page);
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "inbox-selected",
    enter: async (page) => {
      await openInbox(page);
      await row(page, CLARA).waitFor();
      await press(page, "Select");
      const boxes = page.getByRole("checkbox", { name: /Select ticket/ });
      await boxes.nth(1).check({ force: true });
      await boxes.nth(3).click({ force: true, modifiers: ["Shift"] });
      await page.getByText("3 selected").waitFor();
    },
  },
  {
    name: "inbox-filter-menu",
    enter: async (page) => {
      await openInbox(page);
      await row(page, CLARA).waitFor();
      await press(page, "Filter");
      await listbox(page);
    },
  },
  {
    name: "inbox-sort-menu",
    enter: async (page) => {
      await openInbox(page);
      await press(page, /^Sort/);
      await listbox(page);
    },
  },
  {
    name: "inbox-save-view",
    enter: async (page) => {
      await openInbox(page, "open", "?priority=high");
      await press(page, "Save as view");
      await dialog(page);
    },
  },
  {
    name: "inbox-offline",
    enter: async (page, stage) => {
      await open(page, stage);
      await page.context().setOffline(true);
      await page.getByText("No connection.").waitFor();
    },
  },

  { name: "ticket", enter: (page, stage) => open(page, stage) },
  { name: "ticket-by-mail", enter: (page, stage) => open(page, stage, "Tomás Herrera") },
  { name: "ticket-by-assistant", enter: (page, stage) => open(page, stage, "Samuel Adeyemi") },
  { name: "ticket-snoozed", enter: (page, stage) => open(page, stage, "Grace Mbeki") },
  { name: "ticket-resolved", enter: (page, stage) => open(page, stage, "Victor Lam") },
  {
    name: "ticket-missing",
    enter: async (page) => {
      await page.goto("/project/1/inbox/open/999999");
      await page.getByText("There is no such ticket").waitFor();
    },
  },
  {
    name: "ticket-loading",
    enter: async (page, stage) => {
      await page.route(/\/messages\//, () => undefined);
      await page.goto(`/project/1/inbox/open/${stage.numberOf(CLARA)}`);
      await composer(page).waitFor();
    },
  },
  {
    name: "ticket-writing",
    enter: async (page, stage) => {
      await open(page, stage, "Priya Raman");
      await composer(page).click();
      await page.keyboard.type("Hi Priya,\n\n1. No: what customers write is **never** in the log");
    },
  },
  {
    name: "ticket-note",
    enter: async (page, stage) => {
      await open(page, stage, "Daniel Osei");
      await page.keyboard.press("n");
      await page.keyboard.type("Jonas knows more about this.");
    },
  },
  {
    name: "ticket-not-sent",
    enter: async (page, stage) => {
      await page.route(/\/reply\//, (route) => route.fulfill({ status: 503, json: {} }));
      await open(page, stage, "Noah Fischer");
      await composer(page).click();
      await page.keyboard.type("Hello Noah, the limit is 480 an hour.");
      await page.keyboard.press("ControlOrMeta+Enter");
      await messages(page)
        .getByText(/not sent/i)
        .waitFor();
    },
  },
  {
    name: "ticket-suggestion",
    enter: async (page, stage) => {
      await open(page, stage, "Victor Lam");
      await page.keyboard.press("w");
      await page.getByRole("button", { name: /Send as it is/ }).waitFor();
    },
  },
  {
    name: "ticket-send-menu",
    enter: async (page, stage) => {
      await open(page, stage, "Marta Nowak");
      await composer(page).click();
      await page.keyboard.type("Yes, it can.");
      await press(page, "Send and set a status");
      await listbox(page);
    },
  },
  {
    name: "ticket-macros",
    enter: async (page, stage) => {
      await open(page, stage, "Ben Whitaker");
      await composer(page).click();
      await page.keyboard.type("/");
      await page.getByRole("listbox", { name: "Macros" }).waitFor();
    },
  },
  {
    name: "ticket-mention",
    enter: async (page, stage) => {
      await open(page, stage, "Luca Bianchi");
      await page.keyboard.press("n");
      await page.keyboard.type("@");
      await page.getByRole("listbox", { name: "People" }).waitFor();
    },
  },
  { name: "ticket-assign", enter: key("a", listbox) },
  { name: "ticket-snooze", enter: key("s", listbox) },
  { name: "ticket-due", enter: key("d", listbox) },
  { name: "ticket-tags", enter: key("l", listbox) },
  { name: "ticket-priority", enter: key("p", listbox) },
  { name: "ticket-status", enter: key("Shift+S", listbox) },
  { name: "ticket-merge", enter: key("m", dialog) },
  {
    name: "ticket-changed",
    enter: async (page, stage) => {
      const path = `/conversations/tickets/${stage.numberOf("Aiko Tanaka")}/`;
      await stage.server.call("PATCH", path, { assignee: null });
      await open(page, stage, "Aiko Tanaka");
      await page.keyboard.press("i");
      await page.getByRole("button", { name: "Undo" }).waitFor();
    },
  },
  {
    name: "ticket-details",
    only: "narrow",
    enter: async (page, stage) => {
      await open(page, stage);
      await press(page, "Details");
      await page.getByRole("complementary", { name: "About this ticket" }).waitFor();
    },
  },
  {
    name: "side-bar",
    only: "narrow",
    enter: async (page) => {
      await openInbox(page);
      await press(page, "Menu");
      await page.getByRole("link", { name: "Overview" }).waitFor();
    },
  },
  { name: "command-menu", enter: key("ControlOrMeta+k", listbox) },
  {
    name: "command-menu-search",
    enter: async (page, stage) => {
      await open(page, stage);
      await page.keyboard.press("ControlOrMeta+k");
      await page.keyboard.type("backup");
      await page.getByRole("option", { name: /Tomás/ }).waitFor();
    },
  },
  { name: "key-sheet", enter: key("?", dialog) },

  {
    name: "chat",
    enter: async (page) => {
      await page.goto("/project/1/chat");
      await page.getByLabel("Message to the assistant").waitFor();
    },
  },
  {
    name: "chat-conversation",
    enter: async (page, { conversation }) => {
      await page.goto(`/project/1/chat/${conversation}`);
      await page.getByLabel("Copy answer").waitFor();
    },
  },
  {
    name: "chat-streaming",
    enter: async (page) => {
      await page.goto("/project/1/chat");
      await page.getByLabel("Message to the assistant").fill("How do I restore a backup?");
      await page.keyboard.press("Enter");
      await page.getByLabel("Stop the answer").waitFor();
      await page.getByLabel("Message to the assistant").fill("And on PostgreSQL?");
      await page.keyboard.press("Enter");
    },
  },
  {
    name: "chat-source",
    enter: async (page, { conversation }) => {
      await page.goto(`/project/1/chat/${conversation}`);
      await page.getByLabel("Copy answer").waitFor();
      await page.getByRole("list", { name: "Sources" }).getByRole("button").first().click();
      await page.getByRole("region", { name: "Source" }).waitFor();
    },
  },
  {
    name: "chat-person",
    enter: async (page, { conversation }) => {
      await page.goto(`/project/1/chat/${conversation}`);
      await page.getByLabel("Copy answer").waitFor();
      await press(page, "Talk to a person");
      await dialog(page);
    },
  },
  {
    name: "chat-missing",
    enter: async (page) => {
      await page.goto(`/project/1/chat/${crypto.randomUUID()}`);
      await page.getByText("There is no such conversation").waitFor();
    },
  },

  {
    name: "overview",
    enter: async (page) => {
      await page.goto("/project/1/overview");
      await page.locator("canvas").first().waitFor();
    },
  },
  {
    name: "overview-table",
    enter: async (page) => {
      await page.goto("/project/1/overview?range=7d");
      const tickets = page.getByRole("region", { name: "Tickets", exact: true });
      await tickets.getByText("Table", { exact: true }).click();
      await tickets.locator("tbody tr").last().waitFor();
    },
  },

  ...[
    "account",
    "api-keys",
    "general",
    "members",
    "widget",
    "sla",
    "macros",
    "assistant",
    "articles",
    "articles/new",
    "guidance",
    "activity",
    "outbox",
    "data",
  ].map((section) => settings(section)),
  settings("api-keys", async (page) => {
    await press(page, "New key");
    await dialog(page);
  }),
  settings("account", async (page) => {
    await press(page, /^Leave/);
    await dialog(page);
  }),
  settings("members", async (page) => {
    await press(page, "Invite");
    await dialog(page);
  }),
  settings("macros", async (page) => {
    await press(page, "New macro");
    await page.getByLabel("Name").waitFor();
  }),
  {
    name: "discard-question",
    enter: async (page) => {
      await page.goto("/project/1/settings/macros");
      await press(page, "New macro");
      await page.getByLabel("Name").fill("Half a thought");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "Discard what you have written?" }).waitFor();
    },
  },
  {
    name: "page-missing",
    enter: async (page) => {
      await page.goto("/project/1/nowhere");
      await page.getByText("There is no such page").waitFor();
    },
  },
];
