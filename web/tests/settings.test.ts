import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  closeWindow,
  expectAccessible,
  fillSignIn,
  launch,
  openWindow,
  signIn,
} from "./browser.ts";
import { Server } from "./server.ts";

const PASSWORD = "correct horse battery";

let browser: Browser;
let server: Server;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

beforeEach(async () => {
  page = await signIn(browser, server, { bypassCSP: true });
});
afterEach(() => closeWindow(page));

const open = (section: string) => page.goto(`/project/1/settings/${section}`);

test("a new key is shown once", async () => {
  await open("api-keys");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("What is it for?").fill("Nightly report");
  await page.getByLabel("Ticket", { exact: true }).selectOption("read");
  await page.getByRole("button", { name: "Make the key" }).click();
  const secret = await page.getByLabel("The key").inputValue();
  expect(secret).toMatch(/^phx_/);
  const mine = (await fetch(`${server.url}/api/personal_api_keys/@current/`, {
    headers: { Authorization: `Bearer ${secret}` },
  }).then((response) => response.json())) as { label: string; scopes: string[] };
  expect(mine).toMatchObject({ label: "Nightly report", scopes: ["ticket:read"] });

  await page.getByRole("button", { name: "I have copied it" }).click();
  await page.reload();
  await page.getByText("Nightly report").waitFor();
  expect(await page.content()).not.toContain(secret);
});

test("an article that was just written answers the next question", async () => {
  await open("articles/new");
  await page.getByLabel("Title").fill("Descaling the Brewmaster");
  await page
    .getByLabel("Text, in Markdown")
    .fill("## How to descale\n\nRun **vinegar** through the Brewmaster twice.");
  await page.getByRole("region", { name: "Preview" }).locator("strong").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Descaling the Brewmaster" }).waitFor();

  await page.goto("/project/1/chat");
  await page.getByLabel("Message to the assistant").fill("How do I descale the Brewmaster?");
  await page.keyboard.press("Enter");
  const source = page.getByRole("button", { name: "Descaling the Brewmaster" });
  await source.click();
  await page.getByRole("region", { name: "Source" }).getByText("vinegar").waitFor();
  await expectAccessible(page);
});

test("files are imported by choosing them", async () => {
  await open("articles");
  await page.locator("input[type=file]").setInputFiles([
    {
      name: "one.md",
      mimeType: "text/markdown",
      buffer: Buffer.from("# The first import\n\nText."),
    },
    { name: "two.md", mimeType: "text/markdown", buffer: Buffer.from("Without a heading.") },
    { name: "three.png", mimeType: "image/png", buffer: Buffer.from("no") },
  ]);
  await page.getByRole("link", { name: "The first import" }).waitFor();
  await page.getByRole("link", { name: /^Two / }).waitFor();
  await page.getByText("three.png: not Markdown").waitFor();
});

test("settings are saved together, and what is wrong is said beside its field", async () => {
  await open("general");
  await page.getByLabel("Time zone").fill("Nowhere/At all");
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(() => page.getByLabel("Time zone").getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("Time zone").fill("Europe/Lisbon");
  await page.getByRole("switch", { name: "A customer's message reopens" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("region", { name: "Unsaved changes" }).waitFor({ state: "detached" });
  await page.reload();
  await expect.poll(() => page.getByLabel("Time zone").inputValue()).toBe("Europe/Lisbon");
});

/** Follows an invitation as the person who got it. */
async function join(link: string, name: string): Promise<Page> {
  const theirs = await openWindow(browser, server);
  await theirs.goto(link);
  await theirs.getByLabel("Your name").fill(name);
  await theirs.getByLabel("Password").fill(PASSWORD);
  await theirs.getByRole("button", { name: "Join" }).click();
  await theirs.waitForURL(/\/project\/1\/inbox/);
  return theirs;
}

test("an invitation's link makes somebody a member, once", async () => {
  await open("members");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.keyboard.press("Enter");
  const link = await page.getByLabel("Link of the invitation").inputValue();
  const theirs = await join(link, "Ada Lovelace");
  await theirs.getByRole("button", { name: /^Ada Lovelace/ }).waitFor();
  await closeWindow(theirs);

  await page.reload();
  await page.getByText("Ada Lovelace").waitFor();
  const again = await openWindow(browser, server);
  await again.goto(link);
  await again.getByRole("alert").waitFor();
  await closeWindow(again);
});

test("signing out everywhere ends every session", async () => {
  const path = "/api/organizations/@current/invites/";
  const { link } = await server.call<{ link: string }>("POST", path, { email: "bo@example.com" });
  const here = await join(link, "Bo");
  const there = await openWindow(browser, server);
  await fillSignIn(there, { email: "bo@example.com", password: PASSWORD });
  await there.waitForURL(/\/inbox/);

  await here.goto("/project/1/settings/account");
  await here.getByRole("button", { name: "Sign out everywhere" }).click();
  await here.waitForURL(/signin/);
  await there.reload();
  await there.waitForURL(/signin/);
  await closeWindow(here);
  await closeWindow(there);
});
