import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeWindow, expectAccessible, launch, signIn } from "./browser.ts";
import { Server } from "./server.ts";

let browser: Browser;
let server: Server;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  page = await signIn(browser, server, { bypassCSP: true });
});

afterAll(async () => {
  await closeWindow(page);
  await browser.close();
  await server.stop();
});

test("the figures are drawn, and stand in a table beneath", async () => {
  await page.goto("/project/1/overview");
  const tickets = page.getByRole("region", { name: "Tickets", exact: true });
  await tickets.locator("canvas").waitFor();
  await tickets.getByText("Table", { exact: true }).click();
  expect(await tickets.locator("tbody tr").count()).toBe(30);
  const today = await tickets.locator("tbody tr").last().locator("td").allInnerTexts();
  expect(Number(today[0])).toBeGreaterThanOrEqual(2);
  await expectAccessible(page);
});

test("the period is in the address, and the back button goes back", async () => {
  await page.goto("/project/1/overview");
  await page.getByRole("button", { name: "7 days" }).click();
  await page.waitForURL(/range=7d/);
  const tickets = page.getByRole("region", { name: "Tickets", exact: true });
  await expect.poll(() => tickets.locator("tbody tr").count()).toBe(7);
  await page.goBack();
  await expect.poll(() => tickets.locator("tbody tr").count()).toBe(30);
});

test("the table can be downloaded", async () => {
  await page.goto("/project/1/overview?range=7d");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "CSV" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^statistics-.*\.csv$/);
});

test("what changed is compared only where there is something to compare with", async () => {
  await page.goto("/project/1/overview?from=2001-01-02&to=2001-01-03");
  await page.getByText("Days are counted in").waitFor();
  expect(await page.getByText("Changes are against").count()).toBe(0);
});
