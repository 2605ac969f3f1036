/** Two agents at one ticket. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeWindow, expectAccessible, launch, signIn, signInAs } from "./browser.ts";
import { Server } from "./server.ts";

let browser: Browser;
let server: Server;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

const words = (page: Page) => page.locator(".composer .others");
const said = (page: Page) => page.locator("[aria-live=polite].visually-hidden");

test("agents at one ticket see each other come, type and go", async () => {
  const ticket = await server.ticket("Paula Present", "Is anybody there?");
  const address = `/project/1/inbox/open/${ticket.ticket_number}`;
  const page = await signIn(browser, server, { bypassCSP: true });
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/presence/")) asked.push(request.method());
  });
  await page.goto(address);
  await page.locator(".composer .ProseMirror").waitFor();
  expect(await words(page).count()).toBe(0);

  // Somebody comes.
  const other = await signInAs(browser, server, await server.join("jo@example.com", "Jo Agent"));
  await other.goto(address);
  await words(page).getByText("Jo Agent is viewing").waitFor({ timeout: 5_000 });
  await said(page).getByText("Jo Agent is viewing").waitFor();
  await words(other)
    .getByText(/is viewing/)
    .waitFor({ timeout: 5_000 });
  await expectAccessible(page);

  // They type, and stop.
  await other.locator(".composer .ProseMirror").click();
  await other.keyboard.type("Let me look into");
  await words(page).getByText("Jo Agent is typing").waitFor({ timeout: 5_000 });
  await said(page).getByText("Jo Agent is typing").waitFor();
  await words(page).getByText("Jo Agent is viewing").waitFor({ timeout: 10_000 });

  // The list shows them too, and they go.
  const row = page.getByRole("list", { name: "Tickets" }).getByRole("listitem");
  await row.filter({ hasText: "Paula Present" }).getByTitle("Jo Agent is viewing").waitFor();
  const second = await other.context().newPage();
  await second.goto(address);
  await second.locator(".composer .ProseMirror").waitFor();
  await expect.poll(() => second.evaluate(() => document.visibilityState)).toBe("visible");
  const answer = second.waitForResponse((response) => response.url().includes("/presence/"));
  await second.locator(".composer .ProseMirror").pressSequentially("One");
  await answer;
  // One of their two tabs is closed: they are still there, and no longer typing in it.
  await words(page).getByText("Jo Agent is typing").waitFor({ timeout: 5_000 });
  await second.goto("about:blank");
  await words(page).getByText("Jo Agent is viewing").waitFor({ timeout: 5_000 });
  await other.goto("about:blank");
  await words(page).waitFor({ state: "detached", timeout: 5_000 });

  // Nobody asked who is there: every request was a sign of life of one's own.
  expect(new Set(asked)).toEqual(new Set(["POST"]));
  await closeWindow(page);
});
