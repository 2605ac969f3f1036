/** The inbox as an agent uses it. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import type { Server } from "./desk-server.ts";

/** A page in a profile of its own. What its scripts throw, and what the policy blocks, fails the test at its end. */
export async function newPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; errors: string[] }> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
  });
  return { page, errors };
}

export async function signIn(page: Page, server: Server): Promise<void> {
  await page.goto(`${server.url}/signin`);
  await page.getByLabel("E-mail").fill("demo@example.com");
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/inbox/);
  await expectLive(page);
}

/** The row of a customer's ticket in the list. */
export const row = (page: Page, name: string) =>
  page.getByRole("list", { name: "Tickets" }).getByRole("listitem").filter({ hasText: name });

export const messages = (page: Page) => page.getByRole("region", { name: "Messages" });
export const composer = (page: Page) => page.locator(".composer .ProseMirror");

/** Opens a ticket, and waits until one can write. */
export async function openTicket(page: Page, server: Server, number: number, view = "open") {
  await page.goto(`${server.url}/project/1/inbox/${view}/${number}`);
  await composer(page).waitFor();
  await expect.poll(() => messages(page).textContent()).not.toBe("");
}

/** The page has a list to show, whatever is in it. */
async function expectLive(page: Page) {
  await page.getByRole("heading", { level: 1 }).waitFor();
}
