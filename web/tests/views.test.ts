import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, launch, signIn } from "./browser.ts";
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
});
afterEach(() => closeWindow(page));

const entry = (name: string) =>
  page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: new RegExp(name) });
const saved = async () =>
  (
    await server.call<{ results: { name: string; visibility: string; is_favorited: boolean }[] }>(
      "GET",
      "/conversations/views/",
    )
  ).results;

async function saveView(name: string, query: string, isPrivate = false) {
  await openInbox(page, "open", query);
  await page.getByRole("button", { name: "Save as view" }).click();
  await page.getByLabel("Name").fill(name);
  if (isPrivate) await page.getByLabel("Only for me").check();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name }).waitFor();
}

test("the name of a view that was begun is not lost without a question", async () => {
  await openInbox(page, "open", "?tags=parcel");
  await page.getByRole("button", { name: "Save as view" }).click();
  await page.getByLabel("Name").fill("Parc");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Go on writing" }).click();
  expect(await page.getByLabel("Name").inputValue()).toBe("Parc");
});

test("what the list is narrowed to becomes a view, with a count that lives", async () => {
  await server.ticket("Vera View", "First.", { tags: ["parcel"] });
  await saveView("Parcels", "?tags=parcel");
  await expect.poll(() => entry("Parcels").innerText()).toContain("1");
  await row(page, "Vera View").waitFor();

  const second = await server.ticket("Vito View", "Second.", { tags: ["parcel"] });
  await row(page, "Vito View").waitFor({ timeout: 2_000 });
  await expect.poll(() => entry("Parcels").innerText()).toContain("2");
  await server.call("PATCH", `/conversations/tickets/${second.id}/`, { tags: [] });
  await expect.poll(() => entry("Parcels").innerText()).toContain("1");
  await row(page, "Vito View").waitFor({ state: "detached" });
});

test("a view is mine alone or everybody's, a favourite or not, and goes", async () => {
  await saveView("Mine alone", "?priority=critical", true);
  expect(await saved()).toContainEqual(
    expect.objectContaining({ name: "Mine alone", visibility: "private" }),
  );
  const act = async (what: string) => {
    await entry("Mine alone").hover();
    await page.getByRole("button", { name: "Change the view Mine alone" }).click();
    await page.getByRole("option", { name: what }).click();
  };
  const ours = async () => (await saved()).find((view) => view.name === "Mine alone");
  await act("Share with the team");
  await expect.poll(ours).toMatchObject({ visibility: "shared" });
  await act("Make it a favourite");
  await expect.poll(ours).toMatchObject({ is_favorited: true });
  await act("Delete");
  await expect.poll(ours).toBeUndefined();
  await page.waitForURL(/\/inbox\/open$/);
});

test("favourites stand first", async () => {
  await saveView("Abacus", "?tags=abacus");
  await saveView("Zither", "?tags=zither");
  await entry("Zither").hover();
  await page.getByRole("button", { name: "Change the view Zither" }).click();
  await page.getByRole("option", { name: "Make it a favourite" }).click();
  const names = page.getByRole("list", { name: "Views" }).getByRole("link");
  await expect.poll(async () => (await names.allInnerTexts())[0]).toContain("Zither");
});

test("filters are chosen from a menu and taken back by their chips", async () => {
  await openInbox(page);
  await row(page, "Clara Hoffmann").waitFor();
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("combobox", { name: "Filter" }).fill("critical");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.waitForURL(/priority=critical/);
  await row(page, "Clara Hoffmann").waitFor({ state: "detached" });
  await row(page, "Tomás Herrera").waitFor();
  await page.getByRole("button", { name: "Remove filter Priority Critical" }).click();
  await row(page, "Clara Hoffmann").waitFor();
});

test("every view is reached by g and its letter", async () => {
  await openInbox(page);
  for (const [letter, path] of [
    ["m", /inbox\/mine/],
    ["u", /inbox\/unassigned/],
    ["o", /inbox\/open/],
    ["s", /inbox\/snoozed/],
    ["b", /inbox\/breaching/],
    ["r", /inbox\/resolved/],
    ["v", /overview/],
    [",", /settings/],
    ["c", /chat/],
  ] as const) {
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await page.waitForURL(path);
  }
});

test("two tickets of a customer become one", async () => {
  const first = await server.ticket("Mo Merge", "The first.");
  const second = await server.ticket("Mo Merge", "The same again.");
  await openTicket(page, second.ticket_number);
  await page.keyboard.press("m");
  await page.getByLabel("Find a ticket").fill(String(first.ticket_number));
  // Its number says which one is meant; what remains is on the page afterwards.
  await page.getByRole("button", { name: `Merge into #${first.ticket_number}` }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.waitForURL(new RegExp(`/${first.ticket_number}$`));
  await expect.poll(async () => (await server.find(second)).status).toBe("resolved");
  await page.getByRole("complementary").getByText(`#${second.ticket_number}`).waitFor();
});

test("two agents on one ticket do not write over each other", async () => {
  const ticket = await server.ticket("Tess Two", "Who helps me?");
  const other = await signIn(browser, server);
  await openTicket(page, ticket.ticket_number);
  await openTicket(other, ticket.ticket_number);
  await page.keyboard.press("r");
  await page.keyboard.type("From the one");
  await other.keyboard.press("n");
  await other.keyboard.type("From the other");
  await other.keyboard.press("ControlOrMeta+Enter");
  await messages(page).locator(".note").getByText("From the other").waitFor({ timeout: 2_000 });
  // What is being written is not touched by what arrives.
  expect(await composer(page).textContent()).toBe("From the one");
  await other.keyboard.press("p");
  await other.getByRole("option", { name: "High" }).click();
  const priority = page.getByRole("complementary").getByRole("button", { name: "High" });
  await priority.waitFor({ timeout: 2_000 });
  await page.keyboard.press("ControlOrMeta+Enter");
  await messages(other).locator(".team").getByText("From the one").waitFor({ timeout: 2_000 });
  await closeWindow(other);
});
