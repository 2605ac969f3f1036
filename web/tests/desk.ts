/** The inbox as an agent uses it. */
import type { Page } from "playwright-core";
import { expect } from "vitest";

/** The row of a customer's ticket in the list. */
export const row = (page: Page, name: string) =>
  page.getByRole("list", { name: "Tickets" }).getByRole("listitem").filter({ hasText: name });

export const messages = (page: Page) => page.getByRole("region", { name: "Messages" });
export const composer = (page: Page) => page.locator(".composer .ProseMirror");

/** Opens a view, and waits until its list is there, whatever is in it. */
export async function openInbox(page: Page, view = "open", query = "") {
  await page.goto(`/project/1/inbox/${view}${query}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

/** Opens a ticket, and waits until one can write. */
export async function openTicket(page: Page, number: number, view = "open") {
  await page.goto(`/project/1/inbox/${view}/${number}`);
  await composer(page).waitFor();
  await expect.poll(() => messages(page).textContent()).not.toBe("");
}
