import type { Browser, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn, signInAs } from "./browser.ts";
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

test("a visitor's message shows up by itself, and is answered, within two seconds", async () => {
  const visitor = await server.visitor("Lena Hoff");
  const ticket = await visitor.write("Where is my parcel?");
  await row(page, "Lena Hoff").waitFor({ timeout: 2_000 });
  await row(page, "Lena Hoff").getByRole("link").click();
  await composer(page).waitFor();

  await visitor.write("It was due on Monday.");
  const text = "It was due on Monday.";
  await messages(page).getByText(text).waitFor({ timeout: 2_000 });

  await composer(page).pressSequentially("It arrives **today**.");
  await page.keyboard.press("ControlOrMeta+Enter");
  await messages(page).locator(".team").getByText("It arrives today.").waitFor({ timeout: 2_000 });
  await expect.poll(async () => (await server.messages(ticket)).at(-1)?.content).toContain("today");
  await expect.poll(async () => (await visitor.read()).at(-1)?.content).toContain("today");
  expect(await composer(page).textContent()).toBe("");
});

test("ten tickets are worked through by keyboard alone", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `Keyboard Customer${index}`);
  const made = [];
  for (const name of names) made.push(await server.ticket(name, "Please help."));
  await openInbox(page, "open", "?q=Keyboard");
  await expect.poll(() => row(page, "Keyboard Customer").count()).toBe(10);

  await page.keyboard.press("j");
  for (let done = 0; done < 10; done += 1) {
    await page.waitForFunction(() => document.title.startsWith("#"));
    await page.keyboard.press("i");
    await composer(page).waitFor();
    await page.keyboard.press("r");
    await page.keyboard.type("Done.");
    await page.keyboard.press("ControlOrMeta+Enter");
    await messages(page).locator(".team").getByText("Done.").waitFor();
    const title = await page.title();
    await page.keyboard.press("e");
    await expect.poll(() => page.title()).not.toBe(title);
  }
  for (const ticket of made) {
    await expect.poll(async () => (await server.find(ticket)).status).toBe("resolved");
    expect((await server.find(ticket)).assignee).toMatchObject({ type: "user" });
  }
});

test("nothing typed is lost while the network is away for a minute", async () => {
  const ticket = await server.ticket("Otto Cut", "Hello?");
  await page.clock.install();
  await openTicket(page, ticket.ticket_number);
  await composer(page).click();
  await page.keyboard.type("First half, ");
  await page.context().setOffline(true);
  await page.getByText("No connection.").waitFor();
  // All that is tried again and again in a minute is tried, and fails.
  await page.clock.runFor(30_000);
  await page.keyboard.type("second half.");
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.clock.runFor(30_000);
  await messages(page).getByText("Not sent. You are offline.").waitFor();
  await messages(page).getByText("First half, second half.").waitFor();

  await server.customerWrites(ticket, "Are you there?");
  await page.context().setOffline(false);
  await messages(page).getByText("Are you there?").waitFor();
  await page.getByText("No connection.").waitFor({ state: "detached" });
  // What has come meanwhile is asked about, as when it is sent from the composer.
  await messages(page).getByRole("button", { name: "Try again" }).click();
  await messages(page).getByText("Otto Cut has written meanwhile.").waitFor();
  expect((await server.messages(ticket)).some((one) => one.author_type === "support")).toBe(false);
  await messages(page).getByRole("button", { name: "Send anyway" }).click();
  await messages(page).locator(".team").getByText("First half, second half.").waitFor();
  const sent = (await server.messages(ticket)).filter((one) => one.content.includes("First half"));
  expect(sent).toHaveLength(1);
});

test("a reply whose answer was lost on the way is not sent twice", async () => {
  const ticket = await server.ticket("Tess Twice", "Did you get this?");
  await openTicket(page, ticket.ticket_number);
  const loseAnswer = async (route: Route) => {
    await route.fetch();
    await route.abort();
  };
  await page.route(/\/reply\//, loseAnswer, { times: 1 });
  await composer(page).click();
  await page.keyboard.type("Yes, once.");
  await page.keyboard.press("ControlOrMeta+Enter");
  await messages(page).getByText("Perhaps not sent.").waitFor();
  const again = messages(page).getByRole("button", { name: "Try again" });
  await again.click();
  await again.waitFor({ state: "detached" });
  const sent = (await server.messages(ticket)).filter((one) => one.content === "Yes, once.");
  expect(sent).toHaveLength(1);
});

test("a draft is there again after a reload, and in another browser", async () => {
  const ticket = await server.ticket("Dora Draft", "A question.");
  await openTicket(page, ticket.ticket_number);
  await composer(page).click();
  const saved = page.waitForResponse(
    (response) => response.url().includes("/drafts/") && response.request().method() === "PUT",
  );
  await page.keyboard.type("Not finished yet");
  await page.reload();
  await expect.poll(() => composer(page).textContent()).toBe("Not finished yet");
  await page.keyboard.press("r");
  await page.keyboard.type("!");
  await saved;
  const other = await signIn(browser, server);
  await openTicket(other, ticket.ticket_number);
  await expect.poll(() => composer(other).textContent()).toContain("Not finished yet");
  await closeWindow(other);
});

test("the page lives through a crash of the server", async () => {
  const ticket = await server.ticket("Rex Restart", "Before the crash.");
  await openTicket(page, ticket.ticket_number);
  await server.kill();
  await page.getByText("No connection.").waitFor();
  await composer(page).click();
  await page.keyboard.type("Written without a server");
  await server.begin();
  await page.getByText("No connection.").waitFor({ state: "detached" });
  await server.customerWrites(ticket, "After the crash.");
  await messages(page).getByText("After the crash.").waitFor({ timeout: 2_000 });
  expect(await composer(page).textContent()).toBe("Written without a server");
});

test("an answer to something older is asked about before it goes out", async () => {
  const ticket = await server.ticket("Mia Moves", "Can I move the date?");
  await openTicket(page, ticket.ticket_number);
  await composer(page).click();
  await page.keyboard.type("Yes, you can.");
  await server.customerWrites(ticket, "Forget it, it is solved.");
  await messages(page).getByText("Forget it, it is solved.").waitFor();
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByText("Mia Moves has written meanwhile.").waitFor();
  expect((await server.messages(ticket)).some((one) => one.author_type === "support")).toBe(false);
  await page.getByRole("button", { name: "Send anyway" }).click();
  await messages(page).locator(".team").getByText("Yes, you can.").waitFor();
});

test("who answers what a colleague has answered meanwhile is asked first", async () => {
  const ticket = await server.ticket("Cleo Crossed", "Is it in stock?");
  const mira = await server.join("mia.cross@example.com", "Mia Cross");
  const other = await signInAs(browser, server, mira);
  await openTicket(page, ticket.ticket_number);
  await openTicket(other, ticket.ticket_number);
  await page.keyboard.press("r");
  await page.keyboard.type("No.");
  await other.keyboard.press("r");
  await other.keyboard.type("Yes, plenty.");
  await other.keyboard.press("ControlOrMeta+Enter");
  await messages(page).locator(".team").getByText("Yes, plenty.").waitFor();
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByText("A colleague, Mia Cross, has answered meanwhile.").waitFor();
  const sent = (await server.messages(ticket)).map(({ content }) => content);
  expect(sent).not.toContain("No.");
  await closeWindow(other);
});

test("the list stays where one has scrolled to, whatever happens in it", async () => {
  for (let made = 0; made < 24; made += 1) await server.ticket("Lots Later", "One of many: lots.");
  await openInbox(page, "open", "?q=lots");
  await row(page, "Lots Later").first().waitFor();
  await page.keyboard.press("j");
  await composer(page).waitFor();
  const list = page.getByRole("region", { name: /^Tickets/ }).locator(".viewport");
  const top = () => list.evaluate((node) => node.scrollTop);
  await list.evaluate((node) => node.scrollTo({ top: node.scrollHeight }));
  await expect.poll(top).toBeGreaterThan(300);
  const before = await top();
  const late = await server.ticket("Lots Late", "Another one, lots.");
  await server.customerWrites(late, "Hello?");
  await list.getByRole("button", { name: /new$/ }).waitFor();
  expect(await top()).toBe(before);
  // The next one by key is in sight again.
  await page.keyboard.press("j");
  await expect.poll(top).toBeLessThan(before);
});

test("what one agent does, another sees; and that both are there", async () => {
  const ticket = await server.ticket("Sam Shared", "Who helps me?");
  const other = await signIn(browser, server);
  await openTicket(page, ticket.ticket_number);
  await openTicket(other, ticket.ticket_number);
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  await other.locator(".ticket .status").getByText("Resolved").waitFor({ timeout: 2_000 });
  await other.keyboard.press("n");
  await other.keyboard.type("Only for us");
  await other.keyboard.press("ControlOrMeta+Enter");
  await openTicket(page, ticket.ticket_number, "resolved");
  await messages(page).locator(".note").getByText("Only for us").waitFor();
  await closeWindow(other);
});

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

test("after sending and resolving, keys are commands at the next ticket", async () => {
  const last = await server.ticket("Kurt Keys", "First.");
  const first = await server.ticket("Kira Keys", "Second.");
  await openInbox(page, "open", "?q=Keys");
  await row(page, "Kira Keys").getByRole("link").click();
  await composer(page).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("Done.");
  await page.keyboard.press("ControlOrMeta+Shift+Enter");
  await page.waitForURL((url) => url.pathname.endsWith(`/${last.ticket_number}`));
  await messages(page).getByText("First.").waitFor();
  await page.keyboard.press("i");
  await expect.poll(async () => (await server.find(last)).assignee).not.toBeNull();
  expect(await composer(page).textContent()).toBe("");
  await expect.poll(async () => (await server.find(first)).status).toBe("resolved");
});

test("from the search one goes on into what it has found, without waiting for it", async () => {
  const ticket = await server.ticket("Quentin Query", "My word is quagga.");
  for (const key of ["Enter", "ArrowDown"]) {
    await openInbox(page);
    await row(page, "Quentin Query").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("quagga");
    await page.keyboard.press(key);
    await page.waitForURL(new RegExp(`/${ticket.ticket_number}\\?q=quagga$`));
    await composer(page).waitFor();
    await page.keyboard.press("u");
  }
});

test("a search in one view says so, and goes on to all tickets", async () => {
  await server.ticket("Solved Search", "My word is tapir.", { status: "resolved" });
  await openInbox(page);
  await page.getByRole("searchbox", { name: "Search in “All open”" }).fill("tapir");
  await page.getByText("No ticket fits").waitFor();
  await page.getByRole("link", { name: "Search all tickets" }).click();
  await row(page, "Solved Search").waitFor();
  await page.getByRole("searchbox", { name: "Search all tickets" }).waitFor();
  await page.getByRole("heading", { level: 1, name: "All tickets" }).waitFor();
});

test("the command menu ranks what is called so before what has the letters in it", async () => {
  const ticket = await server.ticket("Rank Order", "Which is first?");
  await openTicket(page, ticket.ticket_number);
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox", { name: "Command or ticket" }).fill("not");
  await expect.poll(() => page.getByRole("option").first().textContent()).toMatch(/Write a note/);
});

test("on a phone the details of a ticket are closed by a tap beside them, and by Escape", async () => {
  const ticket = await server.ticket("Delia Details", "Who am I?");
  const touch = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const phone = await signIn(browser, server, touch);
  await openTicket(phone, ticket.ticket_number);
  const details = phone.getByRole("complementary", { name: "About this ticket" });
  const beside = phone.getByRole("button", { name: "Close the details" });
  for (const close of [
    () => beside.tap({ position: { x: 10, y: 100 } }),
    () => phone.keyboard.press("Escape"),
  ]) {
    await phone.getByRole("button", { name: "Details", exact: true }).tap();
    await details.waitFor();
    await close();
    await details.waitFor({ state: "hidden" });
    await composer(phone).waitFor();
  }
  await closeWindow(phone);
});

test("on a phone the menu is left with Escape", async () => {
  const phone = await signIn(browser, server, { viewport: { width: 390, height: 844 } });
  await openInbox(phone);
  const menu = phone.getByRole("button", { name: "Menu", exact: true });
  await menu.click();
  await phone.getByRole("button", { name: "Close the menu" }).waitFor();
  await phone.keyboard.press("Escape");
  await phone.getByRole("button", { name: "Close the menu" }).waitFor({ state: "detached" });
  expect(await menu.evaluate((node) => node === document.activeElement)).toBe(true);
  await closeWindow(phone);
});

test("the command menu finds actions and tickets", async () => {
  const ticket = await server.ticket("Menu Person", "Find me by my unusual word: zygote.");
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox", { name: "Command or ticket" }).fill("zygote");
  await page.getByRole("option", { name: /Menu Person/ }).click();
  await page.waitForURL(new RegExp(`/${ticket.ticket_number}$`));
  await messages(page).getByText("zygote").waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox", { name: "Command or ticket" }).fill("priority critical");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await server.find(ticket)).priority).toBe("critical");
  await page.goBack();
});

test("the command menu leads into the settings, and saves what the list is narrowed to", async () => {
  const find = async (words: string, option: RegExp) => {
    await page.keyboard.press("ControlOrMeta+k");
    await page.getByRole("combobox", { name: "Command or ticket" }).fill(words);
    await page.getByRole("option", { name: option }).click();
  };
  await find("api keys", /^API keys/);
  await page.waitForURL(/settings\/api-keys$/);
  await openInbox(page, "open", "?priority=high");
  await find("save view", /^Save as view/);
  await page.getByRole("dialog", { name: "Save as view" }).waitFor();
});

test("the sheet of keys has those of a ticket before one is open", async () => {
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keys" });
  for (const title of ["Resolve and go to the next", "Reply", "Snooze …", "Select none", "Send"]) {
    await sheet.getByText(title, { exact: true }).waitFor();
  }
});

test("single keys can be switched off", async () => {
  await page.keyboard.press("?");
  await page.getByRole("checkbox", { name: /Single keys/ }).uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  expect(await page.getByRole("dialog").count()).toBe(0);
});

test("a pasted image is uploaded into the reply", async () => {
  const ticket = await server.ticket("Ida Image", "Send me a picture.");
  await openTicket(page, ticket.ticket_number);
  await composer(page).click();
  await composer(page).evaluate((node) => {
    const png =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "dot.png", { type: "image/png" }));
    node.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  await composer(page).locator("img").waitFor();
  await page.getByRole("button", { name: /^Send/ }).first().click();
  const image = messages(page).locator(".team img");
  await image.waitFor();
  await expect.poll(() => image.evaluate((node: HTMLImageElement) => node.naturalWidth)).toBe(1);
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
