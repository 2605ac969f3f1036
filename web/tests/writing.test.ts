import type { Browser, Page, Route } from "playwright-core";
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
/** What will be done to the ticket when it is sent. */
const planned = () => page.getByRole("group", { name: "When it is sent" });
const card = () => page.getByRole("region", { name: "Suggested reply" });

test("a macro is found by a slash, filled in, and does to the ticket what it says when it is sent", async () => {
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
  await planned().getByRole("button", { name: "High priority" }).waitFor();
  await planned().getByRole("button", { name: "Tag zebra" }).waitFor();
  expect(await server.find(ticket)).toMatchObject({ priority: null, tags: [], status: "open" });

  await send();
  await expect.poll(async () => (await lastMessage())?.content).toBe(filled);
  await expect
    .poll(() => server.find(ticket))
    .toMatchObject({ priority: "high", tags: ["zebra"], status: "pending" });
  await planned().waitFor({ state: "detached" });
});

test("what a macro does waits with its text, over a reload, and a step of it can be left out", async () => {
  const other = await server.ticket("Otto Other", "And me?");
  await server.call("PATCH", `/conversations/tickets/${ticket.id}/`, { tags: ["own"] });
  await server.call("POST", "/conversations/macros/", {
    name: "Wombat",
    content: "Wombats dig.",
    actions: { priority: "low", tags: ["wombat", "dig"], status: "pending" },
  });
  await page.reload();
  await composer(page).waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("/wombat");
  await page.getByRole("option", { name: /Wombat/ }).waitFor();
  await page.keyboard.press("Enter");
  await planned().getByRole("button", { name: "Tag dig" }).click();
  await planned().getByRole("button", { name: "Low priority" }).click();

  await row(page, "Otto Other").getByRole("link").click();
  await page.getByRole("region", { name: `Ticket ${other.ticket_number}` }).waitFor();
  expect(await planned().count()).toBe(0);
  await openTicket(page, ticket.ticket_number);
  await page.getByRole("button", { name: "Send, pending" }).click();
  await expect
    .poll(() => server.find(ticket))
    .toMatchObject({ priority: null, tags: ["own", "wombat"], status: "pending" });
});

test("a macro without a text does at once what it says", async () => {
  await server.call("POST", "/conversations/macros/", {
    name: "Quiet quokka",
    actions: { tags: ["quokka"], status: "on_hold" },
  });
  await page.reload();
  await composer(page).waitFor();
  await page.keyboard.press("ControlOrMeta+k");
  await page.keyboard.type("quokka");
  await page.getByRole("option", { name: /Quiet quokka/ }).waitFor();
  await page.keyboard.press("Enter");
  await expect
    .poll(() => server.find(ticket))
    .toMatchObject({ tags: ["quokka"], status: "on_hold" });
});

test("after sending, a key is a command, and whoever sees nothing is told that it was sent", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("To the customer.");
  await send();
  await page.keyboard.press("n");
  await page.keyboard.type("For us.");
  await expect.poll(() => composer(page).textContent()).toBe("For us.");
  await page.getByRole("textbox", { name: "Note" }).waitFor();
  await page.getByRole("status").getByText("Reply sent").waitFor({ state: "attached" });
  await send();
  await page.getByRole("status").getByText("Note added").waitFor({ state: "attached" });
  await expect
    .poll(async () => (await server.messages(ticket)).slice(-2))
    .toMatchObject([
      { content: "To the customer.", is_private: false },
      { content: "For us.", is_private: true },
    ]);
});

test("a list is typed with its marks as in Markdown, each item once", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("- one");
  await page.keyboard.press("Enter");
  await page.keyboard.type("- two");
  await page.keyboard.press("Enter");
  await page.keyboard.type("- three");
  await expect.poll(() => composer(page).locator("li").count()).toBe(3);
  await send();
  await expect.poll(async () => (await lastMessage())?.content).toBe("- one\n- two\n- three");

  await page.keyboard.press("r");
  await page.keyboard.type("1. first");
  await page.keyboard.press("Enter");
  await page.keyboard.type("2. second");
  await send();
  await expect.poll(async () => (await lastMessage())?.content).toBe("1. first\n2. second");
});

/** Drops a file on the field. */
const drop = (name: string, type: string, base64: string) =>
  composer(page).evaluate(
    (node, file) => {
      const bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], file.name, { type: file.type }));
      const { left, top } = node.getBoundingClientRect();
      const where = { clientX: left + 20, clientY: top + 20, bubbles: true, cancelable: true };
      node.dispatchEvent(new DragEvent("drop", { dataTransfer: data, ...where }));
    },
    { name, type, base64 },
  );
const DOT =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

test("images stay where they are while one writes on", async () => {
  await page.keyboard.press("r");
  await drop("one.png", "image/png", DOT);
  await expect.poll(() => composer(page).locator("img[src]").count()).toBe(1);
  await page.keyboard.type("Between");
  await drop("two.png", "image/png", DOT);
  await expect.poll(() => composer(page).locator("img[src]").count()).toBe(2);
  await page.keyboard.type("after");
  await send();
  await expect
    .poll(async () => (await lastMessage())?.content)
    .toMatch(/^!\[one\.png\]\(\S+\)\s+Between\s*!\[two\.png\]\(\S+\)\s+after$/);
});

test("a file that is no image is refused by its name", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("See the report.");
  await drop("report.pdf", "application/pdf", "");
  const notices = page.getByRole("region", { name: "Notices" });
  await notices.getByText(/Only images can be added.*report\.pdf/).waitFor();
  expect(await composer(page).textContent()).toBe("See the report.");
});

test("a ticket with something that was begun is marked in the list until it is sent", async () => {
  await page.keyboard.press("r");
  await page.keyboard.type("Not ready");
  await row(page, "Willa Writes").first().getByText("Draft").waitFor();
  await send();
  await row(page, "Willa Writes").first().getByText("Draft").waitFor({ state: "detached" });
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

test("a status that could not be set after a reply is told, and is set when tried again", async () => {
  await useThanks();
  const path = new RegExp(`/tickets/${ticket.id}/$`);
  const refuse = (route: Route) => route.fulfill({ status: 503, json: {} });
  await page.route(path, (route) =>
    route.request().method() === "PATCH" ? refuse(route) : route.continue(),
  );
  await send();
  const notices = page.getByRole("region", { name: "Notices" });
  const told = notices.getByText(`Sent, but #${ticket.ticket_number} was not changed`);
  // By then the next ticket is open: the notice says which one it is about.
  await told.waitFor();
  expect((await server.find(ticket)).status).toBe("open");

  await page.unroute(path);
  await notices.getByRole("button", { name: "Try again" }).click();
  await told.waitFor({ state: "detached" });
  await expect.poll(async () => (await server.find(ticket)).status).toBe("resolved");
  const sent = (await server.messages(ticket)).filter((one) => one.content === "Thank you.");
  expect(sent).toHaveLength(1);
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
