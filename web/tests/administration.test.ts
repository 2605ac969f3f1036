/** What a project's people see and set besides tickets: who did what, office hours, secrets, and who is away. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  closeWindow,
  expectAccessible,
  fillSignIn,
  launch,
  openWindow,
  signIn,
  signInAs,
} from "./browser.ts";
import { Server } from "./server.ts";
import { MailServer } from "./smtp.ts";

let browser: Browser;
let server: Server;
let page: Page;
let post: MailServer;

beforeAll(async () => {
  post = await MailServer.start();
  [server, browser] = await Promise.all([
    Server.start({ THICKET_SMTP_URL: post.url, THICKET_MAIL_FROM: "desk@example.com" }),
    launch(),
  ]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
  post.stop();
});

beforeEach(async () => {
  page = await signIn(browser, server, { bypassCSP: true });
});

afterEach(() => closeWindow(page));

const open = (section: string) => page.goto(`/project/1/settings/${section}`);

test("the activity log says who changed what, of tickets and of the project", async () => {
  const ticket = await server.ticket("Lea Logged", "Hello?");
  const path = `/api/projects/1/conversations/tickets/${ticket.id}/`;
  await server.call("PATCH", path, { status: "pending" });
  await server.call("PATCH", "/api/projects/1/", { name: "Renamed", timezone: "Asia/Tokyo" });
  await open("activity");
  const entry = (text: string | RegExp) => page.locator(".entry").filter({ hasText: text });
  await entry("changed the settings").getByText("Asia/Tokyo").first().waitFor();
  await entry("changed the settings").getByText("Time zone").first().waitFor();
  await entry("set the status to pending").first().waitFor();
  await expectAccessible(page);

  await page.getByLabel("What was changed").selectOption("Ticket");
  await expect.poll(() => entry("changed the settings").count()).toBe(0);
  expect(page.url()).toContain("scope=Ticket");
  await page.reload();
  await entry("set the status to pending").first().waitFor();
  expect(await entry("changed the settings").count()).toBe(0);
  const link = page.getByRole("link", { name: `Ticket #${ticket.ticket_number}` });
  await link.first().click();
  await page.waitForURL(new RegExp(`/inbox/open/${ticket.ticket_number}$`));
  await page.getByRole("region", { name: "Messages" }).getByText("Hello?").waitFor();
});

test("office hours are set, and hours that cannot be are told before they are sent", async () => {
  await open("sla");
  await page.getByRole("switch", { name: "The office closes" }).click();
  await page.getByRole("button", { name: "Friday" }).click();
  await page.getByLabel("Closes at").fill("08:00");
  await page.getByText("It has to open before it closes.").waitFor();
  await page.getByLabel("Closes at").fill("16:30");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").first().waitFor();
  const project = await server.call<{ business_hours: unknown }>("GET", "/api/projects/1/");
  expect(project.business_hours).toEqual({
    days: ["monday", "tuesday", "wednesday", "thursday"],
    time: ["09:00", "16:30"],
  });
  await page.reload();
  await page.getByRole("switch", { name: "The office closes" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").first().waitFor();
  expect((await server.call<typeof project>("GET", "/api/projects/1/")).business_hours).toBeNull();
});

test("the identity secret is shown when it is asked for, and the log says by whom", async () => {
  await open("widget");
  await page.getByRole("button", { name: "Show it" }).waitFor();
  expect(await page.getByLabel("The secret", { exact: true }).count()).toBe(0);
  await page.getByRole("button", { name: "Show it" }).click();
  const secret = await page.getByLabel("The secret", { exact: true }).inputValue();
  expect(secret).toMatch(/^phs_/);
  await expectAccessible(page);
  await open("activity");
  await page.getByText("looked at the identity secret").first().waitFor();
});

test("a key of the project is made, shown once, and revoked", async () => {
  await open("api-keys");
  await page.getByRole("button", { name: "New project key" }).click();
  await page.getByLabel("What is it for?").fill("Billing workflow");
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = await page.getByRole("textbox", { name: "The project key" }).inputValue();
  const ticket = await server.ticket("Kim Keyed", "Hi");
  const read = await fetch(`${server.url}/api/conversations/external/ticket/${ticket.id}`, {
    headers: { Authorization: `Bearer ${key}` },
  });
  expect(read.status).toBe(200);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expectAccessible(page);
  await page
    .locator(".line")
    .filter({ hasText: "Billing workflow" })
    .getByRole("button", { name: "Revoke" })
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("There are none.").waitFor();
});

test("who goes away is seen as away, and comes back", async () => {
  await page.goto("/project/1/inbox");
  const account = page.locator(".account");
  await account.click();
  await page.getByRole("switch", { name: "Available" }).click();
  await account.getByText("Away").waitFor();
  await expectAccessible(page);
  type Said = { is_available: boolean }[];
  const said = () => server.call<Said>("GET", "/api/projects/1/conversations/availability/");
  await expect.poll(async () => (await said())[0]?.is_available).toBe(false);
  await open("members");
  await page.locator(".line").getByText("Away").first().waitFor();
  await page.locator(".line").getByRole("switch").first().click();
  await account.getByText("Away").waitFor({ state: "detached" });
  await expect.poll(async () => (await said())[0]?.is_available).toBe(true);
});

test("asked again for a suggestion, only the newest one is in the way", async () => {
  const ticket = await server.ticket("Sam Suggested", "How do I export my data to a CSV file?");
  const path = `/api/projects/1/conversations/tickets/${ticket.id}/`;
  const { results } = await server.call<{ results: object[] }>(
    "GET",
    "/api/projects/1/conversations/articles/",
  );
  expect(results.length).toBeGreaterThan(0);
  await server.call("POST", "/api/projects/1/conversations/articles/", {
    title: "Export my data to a CSV file",
    body: "To export your data to a CSV file, open Settings and choose Export.",
  });
  for (let times = 0; times < 3; times += 1) await server.call("POST", `${path}suggest_reply/`);
  await page.goto(`/project/1/inbox/open/${ticket.ticket_number}`);
  const messages = page.getByRole("region", { name: "Messages" });
  await messages.getByText("2 suggested replies").waitFor();
  const shown = messages.getByRole("article").filter({ hasText: "Suggested reply" });
  await expect.poll(() => shown.count()).toBe(1);
  await messages.getByText("2 suggested replies").click();
  await expect.poll(() => shown.count()).toBe(3);
  await expectAccessible(page);
});

test("a note is one's own by who wrote it, whatever they are called", async () => {
  const ticket = await server.ticket("Nora Noted", "Hello?");
  const me = await server.call<{ first_name: string }>("GET", "/api/users/@me/");
  const namesake = await server.join("namesake@example.com", me.first_name);
  await server.call("POST", `/api/projects/1/conversations/tickets/${ticket.id}/reply/`, {
    message: "Mine alone",
    is_private: true,
  });
  const address = `/project/1/inbox/open/${ticket.ticket_number}`;
  await page.goto(address);
  const edit = (of: Page) => of.getByRole("button", { name: "Edit note" });
  await page.getByText("Mine alone").waitFor();
  expect(await edit(page).count()).toBe(1);
  const other = await signInAs(browser, server, namesake);
  await other.goto(address);
  await other.getByText("Mine alone").waitFor();
  expect(await edit(other).count()).toBe(0);
  await closeWindow(other);
});

/** The mail of an invitation in the outbox, opened once it is there. */
async function openMail(to: string) {
  const path = "/api/organizations/@current/invites/";
  await server.call("POST", path, { email: to, level: 1 });
  await open("outbox");
  const mail = page.locator("details").filter({ hasText: to });
  await mail.locator("summary").click();
  return mail;
}

test("a mail that failed is sent again, and is seen on its way", async () => {
  post.answer = "550 there is nobody of this name";
  const mail = await openMail("typo@example.com");
  await mail.getByText("Failed", { exact: true }).waitFor();
  await mail.getByText("there is nobody of this name").waitFor();
  await expectAccessible(page);

  post.answer = "250 ok";
  await mail.getByRole("button", { name: "Send again" }).click();
  await mail.getByText("Sent", { exact: true }).first().waitFor();
  expect(post.delivered).toContain("typo@example.com");
});

test("a mail that somebody else has sent again meanwhile is not sent twice, and the app says so", async () => {
  post.answer = "550 not now";
  const mail = await openMail("twice@example.com");
  const again = mail.getByRole("button", { name: "Send again" });
  await again.waitFor();
  type Mails = { results: { id: string; to: string }[] };
  const { results } = await server.call<Mails>("GET", "/conversations/outbox/");
  const { id } = results.find(({ to }) => to === "twice@example.com") ?? {};
  post.answer = "451 come back later";
  await server.call("POST", `/conversations/outbox/${id}/resend/`);
  await again.click();
  await mail.getByText("This mail has not failed.").waitFor();
  await mail.getByText("Waits", { exact: true }).waitFor();
  await mail.getByText(/come back later.*It will be tried again/s).waitFor();
  expect(await again.count()).toBe(0);
  await expectAccessible(page);
});

test("a member leaves the organisation, after being asked", async () => {
  const them = await signInAs(browser, server, await server.join("gone@example.com", "Gus Gone"));
  await them.goto("/project/1/settings/members");
  await them.getByRole("button", { name: /^Leave / }).click();
  const dialog = them.getByRole("dialog");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });

  await them.goto("/project/1/settings/account");
  await them.getByRole("button", { name: "Leave …" }).click();
  await dialog.getByText("You will not see its tickets any more").waitFor();
  await dialog.getByRole("button", { name: "Leave" }).click();
  await them.getByRole("heading", { name: "You are in no project yet" }).waitFor();
  await them.getByText("You are signed in as gone@example.com.").waitFor();
  expect(await them.getByRole("navigation").count()).toBe(0);
  type Members = { results: { email: string }[] };
  const { results } = await server.call<Members>("GET", "/api/organizations/@current/members/");
  expect(results.map(({ email }) => email)).not.toContain("gone@example.com");
  await them.getByRole("button", { name: "Sign out" }).click();
  await them.waitForURL(/\/signin$/);
  await closeWindow(them);
});

test("the last admin stays, and is told what to do about it", async () => {
  await open("account");
  await page.getByText("You are an admin.").waitFor();
  await page.getByRole("button", { name: "Leave …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Leave" }).click();
  await dialog.getByRole("alert").getByText("Make somebody else an admin first").waitFor();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.reload();
  await page.getByText("You are an admin.").waitFor();
});

test("a mail that waits says until when", async () => {
  post.answer = "451 come back later";
  const mail = await openMail("patient@example.com");
  await mail.getByText("it is given up then").waitFor();
  expect(await page.getByText("This server sends no mails").count()).toBe(0);
});

test("an earlier secret is offered to be dropped only where there is one", async () => {
  await open("widget");
  const drop = page.getByRole("button", { name: "Drop it" });
  await page.getByRole("button", { name: "Make a new secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
  await drop.waitFor();
  await page.reload();
  await drop.click();
  await drop.waitFor({ state: "detached" });
  await page.reload();
  await page.getByRole("button", { name: "Make a new secret" }).waitFor();
  expect(await drop.count()).toBe(0);
});

test("a member who comes to a page for admins is told so, and led on", async () => {
  const them = await openWindow(browser, server, { bypassCSP: true });
  await fillSignIn(them, await server.join("mel@example.com", "Mel Member"));
  await them.waitForURL(/\/project\//);
  await them.goto("/project/1/settings/outbox");
  await them.getByRole("heading", { name: "Outbox" }).waitFor();
  await them.getByText("Only admins can see this").waitFor();
  await expectAccessible(them);
  await them.getByRole("link", { name: "Who is an admin?" }).click();
  await them.getByRole("heading", { name: "Members and roles" }).waitFor();
  await closeWindow(them);
});
