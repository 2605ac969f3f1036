import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser } from "playwright-core";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "./browser.ts";
import { messages, newPage, openTicket, row, signIn } from "./desk.ts";
import { Server, type Ticket } from "./desk-server.ts";

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
  await server.call("POST", `/conversations/tickets/${ticket.id}/reply/`, {
    message: "A note",
    is_private: true,
  });
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const PAGES = ["/inbox/open", "/inbox/open/TICKET", "/chat", "/settings", "/overview"];
const LOOKS = [
  { name: "light", options: { colorScheme: "light" } },
  { name: "dark", options: { colorScheme: "dark" } },
  { name: "on a phone", options: { viewport: { width: 390, height: 844 } } },
  // 1280 pixels at 200 %.
  { name: "at 200 %", options: { viewport: { width: 640, height: 450 } } },
] as const;

describe.each(LOOKS)("axe finds nothing, $name:", ({ options }) => {
  test.each(PAGES)("%s", async (path) => {
    // The policy lets no script in but the app's own: this browser looks past it for axe only.
    const { page } = await newPage(browser, { ...options, bypassCSP: true });
    await signIn(page, server);
    await page.goto(
      `${server.url}/project/1${path.replace("TICKET", String(ticket.ticket_number))}`,
    );
    await page.getByRole("heading").first().waitFor({ state: "attached" });
    if (path.includes("TICKET")) await messages(page).getByText("A note").waitFor();
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => {
      type Found = { id: string; nodes: { html: string; failureSummary: string }[] };
      const { axe } = window as unknown as { axe: { run: () => Promise<{ violations: Found[] }> } };
      const { violations } = await axe.run();
      return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`),
      );
    });
    expect(violations).toEqual([]);
    const isWider = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    expect(isWider, "the page is wider than the window").toBe(false);
    await page.context().close();
  });
});

test("the inbox loads within its budget, from nobody but its server", async () => {
  const { page } = await newPage(browser);
  const scripts = new Map<string, number>();
  const strangers: string[] = [];
  page.on("response", async (response) => {
    const url = new URL(response.url());
    if (url.protocol.startsWith("http") && url.origin !== server.url) strangers.push(url.href);
    if (url.pathname.endsWith(".js"))
      scripts.set(url.pathname, gzipSync(await response.body()).length);
  });
  await signIn(page, server);
  await row(page, "Ann Axe").waitFor();
  const total = [...scripts.values()].reduce((sum, length) => sum + length, 0);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(BUDGET);
  expect(strangers).toEqual([]);
  await page.context().close();
});

test("a ticket that was looked ahead at is painted within 100 ms", async () => {
  const { page } = await newPage(browser);
  await signIn(page, server);
  const ahead = page.waitForResponse((response) => response.url().includes("/messages/"));
  await row(page, "Ann Axe").hover();
  await ahead;
  const took = await page.evaluate(async () => {
    const link = document.querySelector<HTMLElement>("ul[aria-label=Tickets] a");
    const from = performance.now();
    link?.click();
    while (!document.querySelector("article")) await new Promise(requestAnimationFrame);
    return performance.now() - from;
  });
  expect(took).toBeLessThan(100);
  await page.context().close();
});

test("who is not signed in comes back to where they wanted to go", async () => {
  const { page } = await newPage(browser);
  const wanted = `/project/1/inbox/mine/${ticket.ticket_number}?sort=created_at`;
  await page.goto(server.url + wanted);
  await page.waitForURL(/signin/);
  await page.getByLabel("E-mail").fill("demo@example.com");
  await page.getByLabel("Password").fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(server.url + wanted);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/signin/);
  await page.context().close();
});

test("the back button leads back through tickets, filters and views", async () => {
  const { page } = await newPage(browser);
  await signIn(page, server);
  await row(page, "Ann Axe").getByRole("link").click();
  await page.waitForURL(/\/open\/\d+$/);
  await page.getByRole("link", { name: /^Snoozed/ }).click();
  await page.waitForURL(/\/snoozed$/);
  await page.goBack();
  await page.waitForURL(/\/open\/\d+$/);
  await messages(page).getByText("A note").waitFor();
  await page.goBack();
  expect(new URL(page.url()).pathname).toBe("/project/1/inbox/open");
  await page.context().close();
});

test("a link to another site is not followed after signing in", async () => {
  const { page } = await newPage(browser);
  await page.goto(`${server.url}/signin?next=//example.com/`);
  await page.getByLabel("E-mail").fill("demo@example.com");
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/project\/1\/inbox/);
  await page.context().close();
});

test("the editor is loaded when it is first needed", async () => {
  const { page } = await newPage(browser);
  await signIn(page, server);
  await row(page, "Ann Axe").waitFor();
  const loaded = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .map((one) => one.name)
        .join(),
    );
  expect(await loaded()).not.toContain("RichField");
  await openTicket(page, server, ticket.ticket_number);
  expect(await loaded()).toContain("RichField");
  await page.context().close();
});
