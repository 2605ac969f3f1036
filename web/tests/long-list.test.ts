import type { Browser, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn } from "./browser.ts";
import { openInbox, row } from "./desk.ts";
import { Server, type Ticket } from "./server.ts";

const COUNT = 100_000;
/** As long as a server that has to look takes. */
const ANSWER_MS = 25;
const ROW = 60;

let server: Server;
let browser: Browser;
let page: Page;
let sample: Ticket;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  sample = await server.find(await server.ticket("Lola Long", "One of many."));
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
beforeEach(async () => {
  page = await signIn(browser, server);
  await page.route(/\/conversations\/tickets\/\?/, answer);
  await openInbox(page);
  await row(page, "Customer 0 ").waitFor();
});
afterEach(() => closeWindow(page));

/** Answers for a list that the sample does not have. */
async function answer(route: Route) {
  const query = new URL(route.request().url()).searchParams;
  const offset = Number(query.get("offset") ?? 0);
  const limit = Math.min(Number(query.get("limit") ?? 50), COUNT - offset);
  const results = Array.from({ length: limit }, (_, index) => ({
    ...sample,
    id: `00000000-0000-4000-8000-${String(offset + index).padStart(12, "0")}`,
    ticket_number: COUNT - offset - index,
    anonymous_traits: { name: `Customer ${offset + index} ` },
  }));
  await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
  await route.fulfill({ json: { count: COUNT, next: null, previous: null, results } });
}

interface Seen {
  frames: number;
  /** Places within the window at which there was nothing at all, over all frames. */
  holes: number;
  /** Places at which a row had not been read yet. */
  blanks: number;
  longestMs: number;
}

/** Scrolls so many rows in each frame, and looks at every frame. */
function scroll(from: number, rows: number, frames: number): Promise<Seen> {
  return page.evaluate(
    async ([start, step, count, height]) => {
      const list = document.querySelector<HTMLElement>("ul[aria-label=Tickets]");
      const viewport = list?.parentElement;
      if (!list || !viewport) throw new Error("there is no list");
      const frame = () => new Promise<number>(requestAnimationFrame);
      viewport.scrollTop = start * height;
      const isThere = () => {
        const first = Math.ceil(viewport.scrollTop / height);
        const rows = [...list.children].filter((one) => one.querySelector("a"));
        return rows.some((one) => Number(one.getAttribute("aria-posinset")) === first + 1);
      };
      while (!isThere()) await frame();
      const seen = { frames: count, holes: 0, blanks: 0, longestMs: 0 };
      let before = await frame();
      for (let index = 0; index < count; index += 1) {
        viewport.scrollTop += step * height;
        const now = await frame();
        seen.longestMs = Math.max(seen.longestMs, now - before);
        before = now;
        // What was drawn in this frame, for where the window is now.
        await Promise.resolve();
        const first = Math.ceil(viewport.scrollTop / height);
        const last = Math.floor((viewport.scrollTop + viewport.clientHeight) / height);
        const drawn = new Map(
          [...list.children].map((one) => [Number(one.getAttribute("aria-posinset")) - 1, one]),
        );
        for (let place = first; place < last; place += 1) {
          const row = drawn.get(place);
          if (!row) seen.holes += 1;
          else if (!row.querySelector("a")) seen.blanks += 1;
        }
      }
      return seen;
    },
    [from, rows, frames, ROW] as const,
  );
}

test("100,000 tickets are scrolled through fast, and no row is missing", async () => {
  // 2 rows a frame are 7,200 pixels a second at 60 frames: as fast as a wheel goes.
  for (const from of [0, 50_000, 99_000]) {
    const seen = await scroll(from, 2, 240);
    console.log(`from ${from}:`, JSON.stringify(seen));
    expect(seen.holes).toBe(0);
    expect(seen.blanks).toBe(0);
  }
});

test("one jumps anywhere in it, and reads what is there", async () => {
  const asked: string[] = [];
  page.on("request", (request) => {
    const offset = new URL(request.url()).searchParams.get("offset");
    if (offset) asked.push(offset);
  });
  const viewport = page.getByRole("list", { name: "Tickets" }).locator("..");
  for (const place of [99_990, 12_345, 70_001]) {
    await viewport.evaluate((node, top) => (node.scrollTop = top), place * ROW);
    await row(page, `Customer ${place} `).waitFor();
  }
  // What lies in between is not read.
  expect(asked.length).toBeLessThan(20);
});
