import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn } from "./browser.ts";
import { composer, messages, openInbox, openTicket, row } from "./desk.ts";
import { Server, type Ticket } from "./server.ts";

let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
beforeEach(async () => {
  page = await signIn(browser, server);
  await openInbox(page);
});
afterEach(() => closeWindow(page));

test("a change can be undone, and many tickets are changed at once", async () => {
  const made = [];
  for (const name of ["Bulk One", "Bulk Two", "Bulk Three"]) {
    made.push(await server.ticket(name, "Bulk."));
  }
  await openInbox(page, "open", "?q=Bulk");
  await expect.poll(() => row(page, "Bulk").count()).toBe(3);
  const boxes = page.getByRole("checkbox", { name: /Select ticket/ });
  await boxes.first().check({ force: true });
  await boxes.last().click({ force: true, modifiers: ["Shift"] });
  await page.getByText("3 selected").waitFor();
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  await expect.poll(() => row(page, "Bulk").count()).toBe(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => row(page, "Bulk").count()).toBe(3);
  for (const ticket of made) expect((await server.find(ticket)).status).toBe("open");
});

test("on a phone many tickets are chosen by touch, and what is done to an open one is not done to them", async () => {
  const made = [];
  for (const name of ["Touch One", "Touch Two", "Touch Three"]) {
    made.push(await server.ticket(name, "Touch."));
  }
  const width = 390;
  const touch = { viewport: { width, height: 844 }, hasTouch: true, isMobile: true };
  const phone = await signIn(browser, server, touch);
  await openInbox(phone, "open", "?q=Touch&sort=created_at");
  await expect.poll(() => row(phone, "Touch").count()).toBe(3);
  const select = phone.getByRole("button", { name: "Select", exact: true });
  await select.tap();
  for (const name of ["Touch One", "Touch Two", "Touch Three"]) await row(phone, name).tap();
  const bar = phone.getByRole("toolbar", { name: "Selected tickets" });
  await bar.getByText("3 selected").waitFor();
  await row(phone, "Touch Three").tap();
  await bar.getByText("2 selected").waitFor();
  for (const button of await bar.getByRole("button").all()) {
    const box = await button.boundingBox();
    expect(box && box.x + box.width).toBeLessThan(width);
  }

  const [one, two, three] = made as [Ticket, Ticket, Ticket];
  // From the keyboard or by a screen reader a row is still the link to its ticket.
  await row(phone, "Touch Three").getByRole("link").press("Enter");
  await composer(phone).waitFor();
  await phone.getByRole("button", { name: "Resolve", exact: true }).tap();
  await expect.poll(async () => (await server.find(three)).status).toBe("resolved");
  expect((await server.find(one)).status).toBe("open");

  await openInbox(phone, "open", "?q=Touch&sort=created_at");
  await select.tap();
  await row(phone, "Touch One").tap();
  await row(phone, "Touch Two").tap();
  await bar.getByRole("button", { name: "Resolve" }).tap();
  for (const ticket of [one, two]) {
    await expect.poll(async () => (await server.find(ticket)).status).toBe("resolved");
  }
  await bar.waitFor({ state: "detached" });
  await closeWindow(phone);
});

test("a menu that opens by a key says what it is for: for one ticket, and for many", async () => {
  const titles = {
    a: (what: string) => `Assign ${what} to`,
    s: (what: string) => `Snooze ${what} until`,
    l: (what: string) => `Tags of ${what}`,
    p: (what: string) => `Set the priority of ${what}`,
    d: (what: string) => `Make ${what} due`,
    "Shift+S": (what: string) => `Set the status of ${what}`,
  };
  const openAll = async (what: string) => {
    for (const [key, title] of Object.entries(titles)) {
      await page.keyboard.press(key);
      const menu = page.getByRole("dialog", { name: title(what) });
      await menu.getByText(title(what), { exact: true }).waitFor();
      await page.keyboard.press("Escape");
      await menu.waitFor({ state: "detached" });
    }
  };
  const first = await server.ticket("Tina Title", "What is this menu?");
  const second = await server.ticket("Theo Title", "And this?");
  const isOpen = (number: number) =>
    page.getByRole("region", { name: `Ticket ${number}` }).waitFor();
  await openInbox(page, "open", "?q=Title&sort=created_at");
  await expect.poll(() => row(page, "Title").count()).toBe(2);
  await page.keyboard.press("j");
  await isOpen(first.ticket_number);
  await openAll(`#${first.ticket_number}`);
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await isOpen(second.ticket_number);
  await page.keyboard.press("x");
  await page.getByText("2 selected").waitFor();
  await openAll("2 tickets");
});

test("what was done to a ticket can be read line by line, with the times in a column of their own", async () => {
  const ticket = await server.ticket("Hugh History", "What has happened here?");
  const path = `/conversations/tickets/${ticket.id}/`;
  await server.call("PATCH", path, { snoozed_until: "2090-01-01T09:00:00Z" });
  await server.call("PATCH", path, { status: "pending", priority: "critical" });
  await server.call("PATCH", path, { priority: "low" });
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await openTicket(page, ticket.ticket_number, "all");
    const done = messages(page).locator(".activity");
    await expect.poll(() => done.allTextContents()).toHaveLength(4);
    await done.filter({ hasText: "You set the priority to low" }).waitFor();
    const places = await done.evaluateAll((all) =>
      all.map((one) => {
        const [words, time] = one.children as unknown as [HTMLElement, HTMLTimeElement];
        const { left, right, height } = time.getBoundingClientRect();
        return {
          right,
          isApart: words.getBoundingClientRect().right < left,
          isOneLine: height < 2 * Number.parseFloat(getComputedStyle(time).fontSize),
          isExact: time.title !== "" && !Number.isNaN(Date.parse(time.dateTime)),
        };
      }),
    );
    const [{ right } = { right: 0 }] = places;
    const good = { right, isApart: true, isOneLine: true, isExact: true };
    expect(places).toEqual([good, good, good, good]);
    expect(right).toBeLessThan(width);
  }
});

test("the merge dialog says what will happen, and to which ticket one will go on", async () => {
  const source = await server.ticket("Mara Merge", "Asked twice.");
  const target = await server.ticket("Milo Merge", "Asked first. ".repeat(20));
  await openTicket(page, source.ticket_number);
  await page.keyboard.press("m");
  const dialog = page.getByRole("dialog", { name: `Merge #${source.ticket_number} into …` });
  await dialog
    .getByText(`#${source.ticket_number} will be resolved and assigned to you.`)
    .waitFor();
  await dialog.getByText("will go to the ticket you choose").waitFor();
  await dialog.getByLabel("Find a ticket").fill(String(target.ticket_number));
  await dialog.getByText(`will go to #${target.ticket_number}.`).waitFor();
  const found = dialog.getByRole("group", { name: "Tickets" });
  expect(await found.evaluate((node) => node.scrollWidth - node.clientWidth)).toBe(0);
  await dialog.getByRole("button", { name: `Merge into #${target.ticket_number}` }).click();
  await page.getByRole("region", { name: `Ticket ${target.ticket_number}` }).waitFor();
  expect(await server.find(source)).toMatchObject({
    status: "resolved",
    assignee: { type: "user" },
  });
});

test("nothing of a long name or address is cut where one assigns, on a phone neither", async () => {
  const email = "wilhelmina.featherstonehaugh-cholmondeley@customer-care.example.com";
  await server.join(email, "Wilhelmina Featherstonehaugh-Cholmondeley of Little Snoring");
  const ticket = await server.ticket("Nell Names", "Who is it?");
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await openTicket(page, ticket.ticket_number);
    await page.getByRole("region", { name: /^Ticket / }).focus();
    await page.keyboard.press("a");
    const option = page.getByRole("option", { name: /Wilhelmina/ });
    await option.getByText(email).waitFor();
    const cut = await option.evaluate((node) =>
      [node, ...node.querySelectorAll("span")]
        .filter(
          (one) => one.scrollWidth > one.clientWidth && getComputedStyle(one).display !== "inline",
        )
        .map((one) => one.outerHTML),
    );
    expect(cut).toEqual([]);
    const box = await option.boundingBox();
    expect(box && box.x + box.width).toBeLessThan(width);
    await page.keyboard.press("Escape");
  }
});

test("what was done last is undone by z, and the notice says which tag it was", async () => {
  const ticket = await server.ticket("Zed Key", "Label me.", { tags: ["old"] });
  await openTicket(page, ticket.ticket_number);
  await page.keyboard.press("l");
  await page.keyboard.type("fresh");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.getByText(`#${ticket.ticket_number}: tagged “fresh”`).first().waitFor();
  await expect.poll(async () => (await server.find(ticket)).tags).toEqual(["fresh", "old"]);
  await page.keyboard.press("z");
  await expect.poll(async () => (await server.find(ticket)).tags).toEqual(["old"]);
  await page
    .getByText(`#${ticket.ticket_number}: tagged “fresh”`)
    .first()
    .waitFor({ state: "detached" });
});

test("what somebody else has changed since is not undone", async () => {
  const ticket = await server.ticket("Uma Undo", "It is urgent.");
  await openTicket(page, ticket.ticket_number);
  await page.keyboard.press("p");
  await page.getByRole("option", { name: "Low" }).click();
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.waitFor();
  const path = `/conversations/tickets/${ticket.id}/`;
  await server.call("PATCH", path, { priority: "critical" });
  const rail = page.getByRole("complementary", { name: "About this ticket" });
  await rail.getByRole("button", { name: /Critical/ }).waitFor();
  await undo.click();
  await page.getByText("somebody has changed that since").first().waitFor();
  expect((await server.find(ticket)).priority).toBe("critical");
});

test("a ticket is put off in plain words", async () => {
  const ticket = await server.ticket("Zoe Later", "No hurry.");
  await openTicket(page, ticket.ticket_number);
  await page.keyboard.press("s");
  await page.getByRole("combobox", { name: "Snooze until" }).fill("tomorrow 9");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await server.find(ticket)).snoozed_until).not.toBeNull();
  const until = new Date((await server.find(ticket)).snoozed_until ?? 0);
  expect(until.getHours()).toBe(9);
});

test("what is snoozed makes room for the next, and is not come back to until it wakes", async () => {
  const names = ["Nora Nap", "Nils Nap", "Nina Nap"];
  const made = [];
  for (const name of names) made.push(await server.ticket(name, "Zzz."));
  const [oldest, middle, newest] = made.map(({ ticket_number: number }) => `/${number}?`);
  await openInbox(page, "open", "?q=Nap&sort=-created_at");
  await expect.poll(() => row(page, " Nap").count()).toBe(3);
  const isAt = (place = "") => page.waitForURL((url) => url.href.includes(place));
  await page.keyboard.press("j");
  await isAt(newest);
  await page.keyboard.press("j");
  await isAt(middle);
  await composer(page).waitFor();
  await page.keyboard.press("s");
  await page.getByRole("combobox", { name: "Snooze until" }).fill("tomorrow 9");
  await page.keyboard.press("Enter");
  await isAt(oldest);
  await row(page, "Nils Nap").getByText("tomorrow").waitFor();
  await page.keyboard.press("k");
  await page.keyboard.press("k");
  await isAt(newest);
  await composer(page).waitFor();
  await page.keyboard.press("e");
  await isAt(oldest);
  await page.keyboard.press("e");
  await page.waitForURL(/\/open\?/);
});

test("a ticket is due when plain words say so, also in office hours, which the server counts", async () => {
  const ticket = await server.ticket("Dora Due", "How long will it take?");
  await openTicket(page, ticket.ticket_number);
  const due = async () => (await server.find(ticket)).sla_due_at;
  const menu = page.getByRole("listbox", { name: "Due" });
  const say = async (words: string) => {
    await page.keyboard.press("d");
    await menu.waitFor();
    await page.keyboard.type(words);
    await page.keyboard.press("Enter");
    await menu.waitFor({ state: "detached" });
  };
  const hoursAway = async () => (Date.parse((await due()) ?? "") - Date.now()) / 3_600_000;

  await say("in 2 hours");
  const notices = page.getByRole("region", { name: "Notices" });
  await notices.getByText(`#${ticket.ticket_number} due`).waitFor();
  await notices.getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(hoursAway).toBeCloseTo(2, 1);
  const rail = page.getByRole("complementary", { name: "About this ticket" });
  await rail.getByText(/(1h 59m|2h)$/).waitFor();

  // Open for one hour a week, so that two of them take at least a week.
  const office = { days: ["monday"], time: ["09:00", "10:00"] };
  await server.call("PATCH", "/api/projects/1/", { business_hours: office });
  await say("2 office hours");
  await expect.poll(hoursAway).toBeGreaterThan(6.9 * 24);
  await notices.getByRole("button", { name: "Undo" }).click();
  await expect.poll(hoursAway).toBeCloseTo(2, 1);

  await say("No due time");
  await expect.poll(due).toBeNull();
  await rail.getByText("No time").waitFor();
  await server.call("PATCH", "/api/projects/1/", { business_hours: null });
});
