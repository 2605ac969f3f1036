/** A browser, as a person uses it: by names and labels, and by waiting for what is to be seen. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from "playwright-core";
import { expect } from "vitest";
import type { Server } from "./server.ts";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });

/** What the scripts of a window threw, and what the policy blocked. */
const errors = new WeakMap<BrowserContext, string[]>();

/** A window of its own, in which nobody is signed in. */
export async function openWindow(
  browser: Browser,
  server: Server,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({
    baseURL: server.url,
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const found: string[] = [];
  errors.set(context, found);
  context.on("weberror", (error) => found.push(error.error().message));
  context.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) found.push(message.text());
  });
  return context.newPage();
}

/** Closes a window, and complains if anything in it went wrong unseen. */
export async function closeWindow(page: Page): Promise<void> {
  const found = errors.get(page.context());
  await page.context().close();
  expect(found).toEqual([]);
}

/** Cookies of those who have signed in already, by server and address: the form is filled in once. */
const cookies = new WeakMap<Server, BrowserContextOptions["storageState"]>();

/** A window of its own, in which the demonstration's person is signed in. */
export async function signIn(
  browser: Browser,
  server: Server,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const known = cookies.get(server);
  const page = await openWindow(
    browser,
    server,
    known ? { storageState: known, ...options } : options,
  );
  if (!known) {
    await fillSignIn(page, server);
    await page.waitForURL(/\/project\//);
    const { cookies: signedIn } = await page.context().storageState();
    cookies.set(server, { cookies: signedIn, origins: [] });
  }
  return page;
}

/** A window of its own, in which somebody else is signed in. */
export async function signInAs(
  browser: Browser,
  server: Server,
  who: { email: string; password: string },
): Promise<Page> {
  const page = await openWindow(browser, server);
  await fillSignIn(page, who);
  await page.waitForURL(/\/project\//);
  return page;
}

export async function fillSignIn(
  page: Page,
  { email, password }: { email: string; password: string },
  path = "/signin",
): Promise<void> {
  await page.goto(path);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Nothing on the page is out of reach for somebody. */
export async function expectAccessible(page: Page, what = page.url()): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: { run(): Promise<AxeResult> } };
    const { violations: found } = await checker.run();
    return found.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`),
    );
  });
  expect(violations, what).toEqual([]);
}

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
}

/** Nothing is wider than the window. */
export async function expectNoWider(page: Page, what = page.url()): Promise<void> {
  const beyond = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect(beyond, `${what} is wider than the window`).toBeLessThanOrEqual(0);
}
