import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  closeWindow,
  expectAccessible,
  expectNoWider,
  launch,
  openWindow,
  signIn,
} from "./browser.ts";
import { openInbox, openTicket } from "./desk.ts";
import { pages } from "../src/pages/index.ts";
import { sections } from "../src/pages/settings/sections.ts";
import { match } from "../src/router/routes.ts";
import { scenes, setStage, type Stage } from "./scenes.ts";
import { Server } from "./server.ts";

/** Where pictures go, for people to look at. */
const PICTURES = process.env.SCREENSHOTS;

const LOOKS: { name: string; isNarrow?: boolean; options: BrowserContextOptions }[] = [
  { name: "light", options: { colorScheme: "light" } },
  { name: "dark", options: { colorScheme: "dark" } },
  {
    name: "phone",
    isNarrow: true,
    options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  },
  // 1280 by 900 pixels at 200 %.
  { name: "zoomed", isNarrow: true, options: { viewport: { width: 640, height: 450 } } },
];

let server: Server;
let browser: Browser;
let stage: Stage;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  stage = await setStage(server);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

/** Where the scenes have led. */
const visited = new Set<string>();

describe.each(LOOKS)("everybody can use ($name)", ({ name: look, isNarrow, options }) => {
  const shown = scenes.filter(({ only }) => !only || (only === "narrow") === Boolean(isNarrow));
  test.each(shown)("$name", async ({ name, isOutside, enter }) => {
    // The policy lets no script in but the app's own: this window looks past it, for axe.
    const open = isOutside ? openWindow : signIn;
    const page = await open(browser, server, { ...options, bypassCSP: true });
    // Whoever looks next is to begin with an empty composer, too.
    await page.route(/\/drafts\//, (route) =>
      route.request().method() === "GET" ? route.continue() : route.fulfill({ json: {} }),
    );
    await enter(page, stage);
    visited.add(new URL(page.url()).pathname);
    if (PICTURES) {
      await mkdir(join(PICTURES, look), { recursive: true });
      await page.screenshot({ path: join(PICTURES, look, `${name}.png`) });
    }
    await expectAccessible(page, `${name}, ${look}`);
    await expectNoWider(page, `${name}, ${look}`);
    await page.context().close();
  });
});

test("no page of the app, and no section of the settings, is left out", () => {
  const paths = [...visited];
  const unseen = pages.filter(({ path }) => !paths.some((one) => match(path, one)));
  expect(unseen.map(({ name }) => name)).toEqual([]);
  const missing = sections.filter(({ name }) => !visited.has(`/project/1/settings/${name}`));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test("a source is as wide as a phone, and can be closed there", async () => {
  const width = 390;
  const page = await signIn(browser, server, { viewport: { width, height: 844 } });
  await page.goto(`/project/1/chat/${stage.conversation}`);
  const sources = page.getByRole("list", { name: "Sources" });
  await sources.getByRole("button").first().click();
  await page.getByRole("region", { name: "Source", exact: true }).waitFor();
  const box = await page.getByLabel("Close the source").boundingBox();
  expect(box && box.x + box.width).toBeLessThan(width);
  await closeWindow(page);
});

describe("what is opened over the page", () => {
  const focused = "document.activeElement?.outerHTML.slice(0, 120)";

  test.each([
    { what: "the command menu", key: "ControlOrMeta+k" },
    { what: "the sheet of keys", key: "?" },
    { what: "the menu of people", key: "a" },
    { what: "the menu of tags", key: "l" },
    { what: "the dialog to merge", key: "m" },
  ])("$what keeps the focus, and gives it back", async ({ key }) => {
    const page = await signIn(browser, server);
    await openTicket(page, stage.numberOf("Clara Hoffmann"));
    const resolve = page.getByRole("button", { name: "Resolve", exact: true });
    await resolve.focus();
    const before = await page.evaluate(focused);
    await page.keyboard.press(key);
    const over = page.locator("dialog[open], [popover]:popover-open");
    await over.waitFor();
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab");
      const isInside = await page.evaluate(() => {
        const here = document.activeElement;
        // Between the last and the first, a browser's own controls have their turn.
        return here === document.body || here?.closest("dialog, [popover]") !== null;
      });
      expect(isInside, `after ${step + 1} times Tab`).toBe(true);
    }
    await page.keyboard.press("Escape");
    await over.waitFor({ state: "detached" });
    expect(await page.evaluate(focused)).toBe(before);
    await closeWindow(page);
  });
});

/** What would move on a page: the elements that change over longer than a frame. What only waits does not move. */
const moving = (page: Page) =>
  page.evaluate(() => {
    const frame = 0.016;
    const lasts = (durations: string) =>
      durations.split(",").some((one) => Number.parseFloat(one) > frame);
    return [...document.querySelectorAll("*")]
      .filter((element) => {
        const style = getComputedStyle(element);
        const isAnimated = style.animationName !== "none" && lasts(style.animationDuration);
        return isAnimated || lasts(style.transitionDuration);
      })
      .map((element) => element.outerHTML.slice(0, 120));
  });

test.each([
  { name: "things move for those who do not mind", reducedMotion: "no-preference", moves: true },
  { name: "nothing moves for those who do not want it", reducedMotion: "reduce", moves: false },
] as const)("$name", async ({ reducedMotion, moves }) => {
  const page = await signIn(browser, server, { reducedMotion });
  await openInbox(page);
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("listbox").waitFor();
  const found = await moving(page);
  if (moves) expect(found).not.toEqual([]);
  else expect(found).toEqual([]);
  await closeWindow(page);
});
