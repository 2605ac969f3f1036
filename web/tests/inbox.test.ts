import type { Browser, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn, signInAs } from "./browser.ts";
import { composer, messages, openInbox, openTicket, row } from "./desk.ts";
import { Server } from "./server.ts";

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
