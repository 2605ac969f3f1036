import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn } from "./browser.ts";
import { composer, messages, openTicket, row } from "./desk.ts";
import { Server, type Ticket } from "./server.ts";

let server: Server;
let browser: Browser;
let page: Page;
let ticket: Ticket;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
beforeEach(async () => {
  page = await signIn(browser, server);
  ticket = await server.ticket("Willa Writes", "How do I restore a backup?");
  await openTicket(page, ticket.ticket_number);
});
afterEach(() => closeWindow(page));

const lastMessage = async () => (await server.messages(ticket)).at(-1);
const send = () => page.keyboard.press("ControlOrMeta+Enter");
const card = () => page.getByRole("region", { name: "Suggested reply" });

test("a macro is found by a slash, filled in, and does to the ticket what it says", async () => {
  await server.call("POST", "/conversations/macros/", {
    name: "Zebra crossing",
    content: "Hello {{customer.name}}, this is {{agent.first_name}} about #{{ticket.number}}.",
    actions: { priority: "high", tags: ["zebra"], status: "pending" },
  });
  await page.reload();
  await composer(page).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("/zeb");
  await page.getByRole("option", { name: /Zebra crossing/ }).waitFor();
  await page.keyboard.press("Enter");
  const filled = `Hello Willa Writes, this is Demo about #${ticket.ticket_number}.`;
  await expect.poll(() => composer(page).textContent()).toBe(filled);
  await page.getByRole("button", { name: "Send, pending" }).waitFor();
  await expect
    .poll(() => server.find(ticket))
    .toMatchObject({ priority: "high", tags: ["zebra"], status: "open" });

  await send();
  await expect.poll(async () => (await lastMessage())?.content).toBe(filled);
  await expect.poll(async () => (await server.find(ticket)).status).toBe("pending");
});

test("a menu of macros is left with Escape, and the text stays", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("and/or /");
  await page.getByRole("listbox", { name: "Macros" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("listbox", { name: "Macros" }).waitFor({ state: "detached" });
  expect(await composer(page).textContent()).toBe("and/or /");
});

test("a colleague is mentioned in a note", async () => {
  await page.keyboard.press("n");
  await page.keyboard.type("Ask @mir");
  await page.getByRole("option", { name: /Mira Okafor/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.type("about this");
  await send();
  await messages(page).locator(".note").getByText("@Mira Okafor").waitFor();
  // The page shows a note before the server has it.
  await expect
    .poll(lastMessage)
    .toMatchObject({ content: "Ask @Mira Okafor about this", is_private: true });
});

test("a suggestion is sent with 1", async () => {
  await page.keyboard.press("w");
  await card().getByRole("list", { name: "Sources" }).waitFor();
  await page.keyboard.press("1");
  await messages(page).locator(".team").first().waitFor();
  await card().waitFor({ state: "detached" });
  await expect
    .poll(async () => (await server.messages(ticket)).filter((one) => !one.is_private).length)
    .toBe(2);
  expect(await composer(page).textContent()).toBe("");
});

test("a suggestion is edited with 2", async () => {
  await page.keyboard.press("w");
  await card().getByRole("button", { name: /Edit/ }).waitFor();
  await page.keyboard.press("2");
  await card().waitFor({ state: "detached" });
  await expect.poll(() => composer(page).textContent()).toContain("Willa");
  await page.keyboard.type(" Mine.");
  await expect.poll(() => composer(page).textContent()).toMatch(/Mine\.$/);
  expect((await server.messages(ticket)).some((one) => one.author_type === "support")).toBe(false);
});

test("a suggestion is rejected with 3", async () => {
  await page.keyboard.press("w");
  await card()
    .getByRole("button", { name: /Reject/ })
    .waitFor();
  await page.keyboard.press("3");
  await card().waitFor({ state: "detached" });
  expect(await composer(page).textContent()).toBe("");
});

test("a draft of one device is there on another, and what is newer wins", async () => {
  const saved = (on: Page) =>
    on.waitForResponse(
      (response) => response.url().includes("/drafts/") && response.request().method() === "PUT",
    );
  await page.keyboard.press("r");
  let stored = saved(page);
  await page.keyboard.type("From the desk");
  await stored;

  const phone = await signIn(browser, server, { viewport: { width: 390, height: 844 } });
  await openTicket(phone, ticket.ticket_number);
  await expect.poll(() => composer(phone).textContent()).toBe("From the desk");
  await composer(phone).click();
  await phone.keyboard.press("ControlOrMeta+End");
  stored = saved(phone);
  await phone.keyboard.type(", and from the phone");
  await stored;
  await closeWindow(phone);

  await page.reload();
  await expect.poll(() => composer(page).textContent()).toBe("From the desk, and from the phone");
});

test("the same text is written in Markdown or with the eye, as one likes", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("It is **bold**");
  await composer(page).locator("strong").waitFor();
  await page.getByRole("button", { name: "Write Markdown" }).click();
  const plain = page.getByRole("textbox", { name: "Reply" });
  await expect.poll(() => plain.inputValue()).toBe("It is **bold**");
  await plain.fill("It is **bold** and *slanted*");
  await page.getByRole("button", { name: "Write Markdown" }).click();
  await composer(page).locator("em").waitFor();
});

/** A macro with a status, used in the reply that is open. */
async function useThanks() {
  await server.call("POST", "/conversations/macros/", {
    name: "Thanks a lot",
    content: "Thank you.",
    actions: { status: "resolved" },
  });
  await page.reload();
  await composer(page).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("/thanks");
  await page
    .getByRole("option", { name: /Thanks a lot/ })
    .first()
    .waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Send, resolved" }).waitFor();
}

test("a macro's status is for the ticket it was used in, and for no other", async () => {
  const other = await server.ticket("Nell Next", "And what about me?");
  await useThanks();
  await page.keyboard.press("Escape");
  await row(page, "Nell Next").getByRole("link").click();
  await page.getByRole("region", { name: `Ticket ${other.ticket_number}` }).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("You are next.");
  await page.getByRole("button", { name: /^Send(?!,| and)/ }).waitFor();
  await send();
  await expect
    .poll(async () => (await server.messages(other)).at(-1)?.content)
    .toBe("You are next.");
  await messages(page).locator(".team").getByText("You are next.").waitFor();
  expect((await server.find(other)).status).not.toBe("resolved");
});

test("a macro's status goes with its text", async () => {
  await useThanks();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Backspace");
  await page.getByRole("button", { name: "Send, resolved" }).waitFor({ state: "detached" });
  await page.keyboard.type("Not yet.");
  await page.getByRole("button", { name: "Send, resolved" }).waitFor({ state: "detached" });
});

test("a macro is used by its name from the command menu", async () => {
  await server.call("POST", "/conversations/macros/", {
    name: "Yellow page",
    content: "Look there.",
  });
  await page.reload();
  await composer(page).waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  await page.keyboard.type("yellow");
  await page.getByRole("option", { name: /Yellow page/ }).waitFor();
  await page.keyboard.press("Enter");
  await expect.poll(() => composer(page).textContent()).toBe("Look there.");
});

test("each ticket begins with a reply, unless it is a note that was begun there", async () => {
  const other = await server.ticket("Olga Other", "Hello?");
  const selected = (name: string) => page.getByRole("tab", { name, selected: true }).waitFor();
  await page.keyboard.press("n");
  await page.keyboard.type("For us alone");
  await selected("Note");
  await page.keyboard.press("Escape");
  await row(page, "Olga Other").getByRole("link").click();
  await page.getByRole("region", { name: `Ticket ${other.ticket_number}` }).waitFor();
  await selected("Reply");
  expect(await composer(page).textContent()).toBe("");
  await page.goBack();
  await page.getByRole("region", { name: `Ticket ${ticket.ticket_number}` }).waitFor();
  await selected("Note");
  await expect.poll(() => composer(page).textContent()).toBe("For us alone");
});
