/** A browser, as a person uses it: by names and labels, and by waiting for what is to be seen. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";
import type { Server } from "./server.ts";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });

/** A window in which somebody is signed in. */
export async function signIn(
  browser: Browser,
  server: Server,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: server.url, ...options });
  const page = await context.newPage();
  await page.goto("/signin");
  await page.getByLabel("E-mail").fill(server.email);
  await page.getByLabel("Password").fill(server.password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/project\//);
  await page.close();
  return context;
}

/** Nothing on the page is out of reach for somebody. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: { run(): Promise<AxeResult> } };
    const { violations: found } = await checker.run();
    return found.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
    );
  });
  expect(violations, page.url()).toEqual([]);
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[] }[] }[];
}
