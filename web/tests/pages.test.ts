import type { Browser } from "playwright-core";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeWindow, fillSignIn, launch, openWindow, signIn } from "./browser.ts";
import { messages, openInbox, openTicket, row } from "./desk.ts";
import { Server, type Ticket } from "./server.ts";

/** What the inbox may load before it shows, in bytes of gzip. */
const BUDGET = 150 * 1024;

let server: Server;
let browser: Browser;
let ticket: Ticket;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  ticket = await server.ticket(
    "Ann Axe",
    "A **message** with a [link](https://example.com) and `code`.",
    {
      tags: ["vip"],
      priority: "high",
      sla_due_at: new Date(Date.now() + 1_800_000).toISOString(),
    },
  );
  await server.reply(ticket, "A note", true);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

test("the inbox loads within its budget, from nobody but its server", async () => {
  const page = await signIn(browser, server);
  const scripts = new Set<string>();
  const strangers: string[] = [];
  page.on("response", (response) => {
    const url = new URL(response.url());
    if (url.protocol.startsWith("http") && url.origin !== server.url) strangers.push(url.href);
    if (url.pathname.endsWith(".js")) scripts.add(url.href);
  });
  await openInbox(page);
  await row(page, "Ann Axe").waitFor();
  const lengths = [...scripts].map(async (url) => {
    const script = await fetch(url);
    return gzipSync(await script.arrayBuffer()).length;
  });
  const total = (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
  console.log(`the inbox loads ${Math.round(total / 1024)} KiB of script, compressed`);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(BUDGET);
  expect(strangers).toEqual([]);
  await closeWindow(page);
});

test("a ticket is painted within 100 ms of the press that opens it", async () => {
  const page = await signIn(browser, server);
  await openInbox(page);
  await row(page, "Ann Axe").waitFor();
  const open = (name: string) =>
    page.evaluate(async (wanted) => {
      const frame = () => new Promise(requestAnimationFrame);
      const links = [...document.querySelectorAll<HTMLElement>("ul[aria-label=Tickets] a")];
      const link = links.find((one) => one.textContent.includes(wanted));
      const from = performance.now();
      link?.click();
      const isOpen = () =>
        document.querySelector(".ticket h1") && document.querySelector("article .bubble");
      const isThis = () => document.title.includes(wanted);
      while (!isOpen() || !isThis()) await frame();
      // The frame after the one in which it was laid out begins when that one is on the screen.
      await frame();
      return performance.now() - from;
    }, name);
  const took = [];
  for (const name of [
    "Ann Axe",
    "Clara Hoffmann",
    "Priya Raman",
    "Ingrid Solberg",
    "Aiko Tanaka",
  ]) {
    // Whoever presses has come over the row before.
    const ahead = page.waitForResponse((response) => response.url().includes("/messages/"));
    await row(page, name).hover();
    await ahead;
    took.push(await open(name));
  }
  console.log(`a ticket is painted after ${took.map(Math.round).join(", ")} ms`);
  // The machine may be busy with something else: the quickest says what the app takes.
  expect(Math.min(...took)).toBeLessThan(100);
  await closeWindow(page);
});

test("who is not signed in comes back to where they wanted to go", async () => {
  const page = await openWindow(browser, server);
  const wanted = `/project/1/inbox/mine/${ticket.ticket_number}?sort=created_at`;
  await page.goto(wanted);
  await page.waitForURL(/signin/);
  await page.getByLabel("E-mail").fill("demo@example.com");
  await page.getByLabel("Password").fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(server.url + wanted);
  await page.getByRole("button", { name: /^Demo Person/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/signin/);
  await closeWindow(page);
});

test("the back button leads back through tickets, filters and views", async () => {
  const page = await signIn(browser, server);
  await openInbox(page);
  await row(page, "Ann Axe").getByRole("link").click();
  await page.waitForURL(/\/open\/\d+$/);
  await page.getByRole("link", { name: /^Snoozed/ }).click();
  await page.waitForURL(/\/snoozed$/);
  await page.goBack();
  await page.waitForURL(/\/open\/\d+$/);
  await messages(page).getByText("A note").waitFor();
  await page.goBack();
  expect(new URL(page.url()).pathname).toBe("/project/1/inbox/open");
  await closeWindow(page);
});

test("a link to another site is not followed after signing in", async () => {
  const page = await openWindow(browser, server);
  await fillSignIn(page, server, "/signin?next=//example.com/");
  await page.waitForURL(/\/project\/1\/inbox/);
  await closeWindow(page);
});

test("the editor is loaded when it is first needed", async () => {
  const page = await signIn(browser, server);
  await openInbox(page);
  await row(page, "Ann Axe").waitFor();
  const loaded = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .map((one) => one.name)
        .join(),
    );
  expect(await loaded()).not.toContain("RichField");
  await openTicket(page, ticket.ticket_number);
  expect(await loaded()).toContain("RichField");
  await closeWindow(page);
});
