import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectAccessible, launch, signIn } from "./browser.ts";
import { startServer, type Server } from "./server.ts";

const SECTIONS = [
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
  "outbox",
  "data",
];

let browser: Browser;
let server: Server;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  context = await signIn(browser, server);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

beforeEach(async () => {
  await page?.close();
  page = await context.newPage();
});

const open = (section: string) => page.goto(`/project/1/settings/${section}`);
/** Opens a section and waits for what it has read. */
const openWhole = async (section: string) => {
  await open(section);
  await page.locator(".card, .panes").first().waitFor();
};

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
  await page.getByRole("region", { name: "Article" }).getByText("vinegar").waitFor();
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

test("an invitation's link leads somebody in", async () => {
  await open("members");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.keyboard.press("Enter");
  const link = await page.getByLabel("Link of the invitation").inputValue();
  const other = await browser.newContext();
  const theirs = await other.newPage();
  await theirs.goto(link);
  await theirs.getByText("ada@example.com").first().waitFor();
  await other.close();
});

test.each(["light", "dark"] as const)(
  "every section can be used by everybody (%s)",
  async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme });
    for (const section of SECTIONS) {
      await openWhole(section);
      await expectAccessible(page);
    }
  },
);

test("on a phone nothing is wider than the screen", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const section of SECTIONS) {
    await openWhole(section);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(beyond, section).toBeLessThanOrEqual(0);
  }
});
