import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  closeWindow,
  expectAccessible,
  fillSignIn,
  launch,
  openWindow,
  signIn,
  signInAs,
} from "./browser.ts";
import { Server } from "./server.ts";

const PASSWORD = "correct horse battery";

let browser: Browser;
let server: Server;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

beforeEach(async () => {
  page = await signIn(browser, server, { bypassCSP: true });
});
afterEach(() => closeWindow(page));

const open = (section: string) => page.goto(`/project/1/settings/${section}`);

test("a new key is shown once", async () => {
  await open("api-keys");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("What is it for?").fill("Nightly report");
  await page.getByLabel("Ticket", { exact: true }).selectOption("read");
  await page.getByRole("button", { name: "Make the key" }).click();
  const secret = await page.getByLabel("The key").inputValue();
  expect(secret).toMatch(/^phx_/);
  const mine = (await fetch(`${server.url}/api/personal_api_keys/@current/`, {
    headers: { Authorization: `Bearer ${secret}` },
  }).then((response) => response.json())) as { label: string; scopes: string[] };
  expect(mine).toMatchObject({ label: "Nightly report", scopes: ["ticket:read"] });

  await page.getByRole("button", { name: "I have copied it" }).click();
  await page.reload();
  await page.getByText("Nightly report").waitFor();
  expect(await page.content()).not.toContain(secret);
});

test("an article that was just written answers the next question", async () => {
  await open("articles/new");
  await page.getByLabel("Title").fill("Descaling the Brewmaster");
  await page
    .getByLabel("Text, in Markdown")
    .fill("## How to descale\n\nRun **vinegar** through the Brewmaster twice.");
  await page.getByRole("region", { name: "Preview" }).locator("strong").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Descaling the Brewmaster" }).waitFor();

  await page.goto("/project/1/chat");
  await page.getByLabel("Message to the assistant").fill("How do I descale the Brewmaster?");
  await page.keyboard.press("Enter");
  const source = page.getByRole("button", { name: "Descaling the Brewmaster" });
  await source.click();
  await page.getByRole("region", { name: "Source" }).getByText("vinegar").waitFor();
  await expectAccessible(page);
});

test("files are imported by choosing them", async () => {
  await open("articles");
  await page.locator("input[type=file]").setInputFiles([
    {
      name: "one.md",
      mimeType: "text/markdown",
      buffer: Buffer.from("# The first import\n\nText."),
    },
    { name: "two.md", mimeType: "text/markdown", buffer: Buffer.from("Without a heading.") },
    { name: "three.png", mimeType: "image/png", buffer: Buffer.from("no") },
  ]);
  await page.getByRole("link", { name: "The first import" }).waitFor();
  await page.getByRole("link", { name: /^Two / }).waitFor();
  await page.getByText("three.png: not Markdown").waitFor();
});

test("settings are saved together, and what is wrong is said beside its field", async () => {
  await open("general");
  await page.getByLabel("Time zone").fill("Nowhere/At all");
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(() => page.getByLabel("Time zone").getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("Time zone").fill("Europe/Lisbon");
  await page.getByRole("switch", { name: "A customer's message reopens" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("region", { name: "Unsaved changes" }).waitFor({ state: "detached" });
  await page.reload();
  await expect.poll(() => page.getByLabel("Time zone").inputValue()).toBe("Europe/Lisbon");
});

/** Follows an invitation as the person who got it. */
async function join(link: string, name: string): Promise<Page> {
  const theirs = await openWindow(browser, server);
  await theirs.goto(link);
  await theirs.getByLabel("Your name").fill(name);
  await theirs.getByLabel("Password").fill(PASSWORD);
  await theirs.getByRole("button", { name: "Join" }).click();
  await theirs.waitForURL(/\/project\/1\/inbox/);
  return theirs;
}

test("an invitation's link makes somebody a member, once", async () => {
  await open("members");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.keyboard.press("Enter");
  const link = await page.getByLabel("Link of the invitation").inputValue();
  const theirs = await join(link, "Ada Lovelace");
  await theirs.getByRole("button", { name: /^Ada Lovelace/ }).waitFor();
  await closeWindow(theirs);

  await page.reload();
  await page.getByText("Ada Lovelace").waitFor();
  const again = await openWindow(browser, server);
  await again.goto(link);
  await again.getByRole("alert").waitFor();
  await closeWindow(again);
});

test("signing out everywhere ends every session", async () => {
  const path = "/api/organizations/@current/invites/";
  const { link } = await server.call<{ link: string }>("POST", path, { email: "bo@example.com" });
  const here = await join(link, "Bo");
  const there = await openWindow(browser, server);
  await fillSignIn(there, { email: "bo@example.com", password: PASSWORD });
  await there.waitForURL(/\/inbox/);

  await here.goto("/project/1/settings/account");
  await here.getByRole("button", { name: "Sign out everywhere" }).click();
  await here.waitForURL(/signin/);
  await there.reload();
  await there.waitForURL(/signin/);
  await closeWindow(here);
  await closeWindow(there);
});

describe("unsaved settings", () => {
  const dialog = () => page.getByRole("dialog", { name: "Leave without saving?" });
  const stay = () => dialog().getByRole("button", { name: "Stay" });

  /** Changes a name that is not saved, on a page that one can go back from. */
  async function change() {
    await open("data");
    await page.getByRole("link", { name: "General" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Not saved");
  }

  test.each([
    { how: "by another section", leave: () => page.getByRole("link", { name: "Macros" }).click() },
    { how: "by the side bar", leave: () => page.getByRole("link", { name: "Overview" }).click() },
    { how: "by the browser's back", leave: () => page.goBack() },
  ])("are not lost $how without a question", async ({ leave }) => {
    await change();
    await leave();
    await stay().waitFor();
    await expect.poll(() => stay().evaluate((it) => it === document.activeElement)).toBe(true);
    await expectAccessible(page);
    await page.keyboard.press("Enter");
    await dialog().waitFor({ state: "detached" });
    await page.waitForURL(/settings\/general$/);
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Not saved");

    await leave();
    await dialog().getByRole("button", { name: "Leave" }).click();
    await page.waitForURL((url) => !url.pathname.endsWith("/general"));
    await dialog().waitFor({ state: "detached" });
  });

  test("are asked about by the browser when the page is closed or loaded again", async () => {
    await change();
    const asked = page.waitForEvent("dialog");
    const reloaded = page.reload();
    const question = await asked;
    expect(question.type()).toBe("beforeunload");
    await question.accept();
    await reloaded;
  });

  test("are not asked about once they are saved or discarded", async () => {
    await change();
    await page.getByRole("button", { name: "Discard" }).click();
    await page.goBack();
    await page.getByRole("heading", { name: "Export and backup" }).waitFor();
    await page.goForward();
    await page.getByLabel("Name", { exact: true }).fill("Saved");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").first().waitFor();
    await page.getByRole("link", { name: "Macros" }).click();
    await page.getByRole("heading", { name: "Macros" }).waitFor();
    expect(await dialog().count()).toBe(0);
  });

  test.each([
    {
      how: "by the account menu",
      leave: async (theirs: Page) => {
        await theirs.locator(".account").click();
        await theirs.getByRole("button", { name: "Sign out", exact: true }).click();
      },
    },
    {
      how: "by the command menu",
      leave: async (theirs: Page) => {
        await theirs.keyboard.press("ControlOrMeta+k");
        await theirs.keyboard.type("sign out");
        await theirs.keyboard.press("Enter");
      },
    },
  ])("are not lost to signing out $how without a question", async ({ how, leave }) => {
    const email = `${how.replaceAll(" ", "-")}@example.com`;
    const theirs = await signInAs(browser, server, await server.join(email, "Ines In"));
    await theirs.goto("/project/1/settings/account");
    const name = theirs.getByLabel("First name");
    await name.fill("Changed");
    await leave(theirs);
    const asked = theirs.getByRole("dialog", { name: "Leave without saving?" });
    await asked.getByRole("button", { name: "Stay" }).click();
    await asked.waitFor({ state: "detached" });
    expect(await name.inputValue()).toBe("Changed");

    await leave(theirs);
    await asked.getByRole("button", { name: "Leave" }).click();
    await theirs.waitForURL((url) => url.pathname === "/signin");
    await theirs.getByLabel("E-mail").waitFor();
    expect(await theirs.getByRole("dialog").count()).toBe(0);
    await closeWindow(theirs);
  });

  test("keep nobody who is signed out meanwhile", async () => {
    const theirs = await signInAs(
      browser,
      server,
      await server.join("out@example.com", "Otto Outside"),
    );
    await theirs.goto("/project/1/settings/account");
    await theirs.getByLabel("First name").fill("Changed");
    await theirs.getByRole("button", { name: "Sign out everywhere" }).click();
    await theirs.waitForURL(/signin/);
    await theirs.getByLabel("E-mail").waitFor();
    expect(await theirs.getByRole("dialog").count()).toBe(0);
    await closeWindow(theirs);
  });
});

describe("what was written in a dialog", () => {
  const question = () => page.getByRole("dialog", { name: "Discard what you have written?" });
  const form = () => page.locator("dialog:has(form)");

  test.each([
    { what: "a macro", section: "macros", begin: "New macro", field: "When to use it" },
    { what: "a rule", section: "guidance", begin: "Add", field: "Name" },
    { what: "an invitation", section: "members", begin: "Invite", field: "E-mail" },
    { what: "a key", section: "api-keys", begin: "New key", field: "What is it for?" },
    {
      what: "a key of the project",
      section: "api-keys",
      begin: "New project key",
      field: "What is it for?",
    },
  ])("is not lost without a question: $what", async ({ section, begin, field }) => {
    await open(section);
    const button = page.getByRole("button", { name: begin, exact: true }).first();
    await button.click();
    await form().getByLabel(field).fill("half a thought");
    await page.keyboard.press("Escape");
    const goOn = question().getByRole("button", { name: "Go on writing" });
    await expect.poll(() => goOn.evaluate((it) => it === document.activeElement)).toBe(true);
    await expectAccessible(page);
    await page.keyboard.press("Enter");
    await question().waitFor({ state: "detached" });
    expect(await form().getByLabel(field).inputValue()).toBe("half a thought");

    await form().getByRole("button", { name: "Close" }).click();
    await question().getByRole("button", { name: "Discard" }).click();
    await form().waitFor({ state: "detached" });
    await expect.poll(() => button.evaluate((it) => it === document.activeElement)).toBe(true);
    await button.click();
    expect(await form().getByLabel(field).inputValue()).toBe("");
  });

  test("stays however often one presses Escape or beside it", async () => {
    await open("macros");
    await page.getByRole("button", { name: "New macro" }).click();
    await form().getByLabel("Name").fill("Greeting");
    for (let times = 0; times < 3; times += 1) {
      await page.keyboard.press("Escape");
      await question().waitFor();
      await page.keyboard.press("Escape");
      await question().waitFor({ state: "detached" });
    }
    await page.mouse.click(5, 5);
    await question().waitFor();
    await page.mouse.click(5, 5);
    await question().waitFor({ state: "detached" });
    // Where no part of the dialog has the focus, a key is the browser's.
    for (let times = 0; times < 3; times += 1) {
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await page.keyboard.press("Escape");
      await question().waitFor();
      await page.keyboard.press("Escape");
      await question().waitFor({ state: "detached" });
    }
    expect(await form().getByLabel("Name").inputValue()).toBe("Greeting");
  });

  test("is asked about by the browser's back, too", async () => {
    await open("data");
    await page.getByRole("link", { name: "Macros" }).click();
    await page.getByRole("button", { name: "New macro" }).click();
    await form().getByLabel("Name").fill("Greeting");
    await page.goBack();
    const asked = page.getByRole("dialog", { name: "Leave without saving?" });
    await asked.getByRole("button", { name: "Stay" }).click();
    await asked.waitFor({ state: "detached" });
    expect(await form().getByLabel("Name").inputValue()).toBe("Greeting");
    await page.goBack();
    await asked.getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "Export and backup" }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  test("is not asked about when it is nothing, when it is as it was, or when it is saved", async () => {
    await open("macros");
    const begin = page.getByRole("button", { name: "New macro" });
    const name = form().getByLabel("Name");
    await begin.click();
    await name.waitFor();
    await page.keyboard.press("Escape");
    await form().waitFor({ state: "detached" });

    await begin.click();
    await name.fill("Kept");
    await form().getByLabel("Reply").fill("Thank you for writing.");
    await form().getByRole("button", { name: "Save" }).click();
    await form().waitFor({ state: "detached" });

    await page.getByRole("button", { name: /^Kept/ }).click();
    await name.fill("Changed");
    await name.fill("Kept");
    await page.mouse.click(5, 5);
    await form().waitFor({ state: "detached" });
    expect(await question().count()).toBe(0);
  });
});

test("what a new key lacks is said at its field when one tries to make it", async () => {
  await open("api-keys");
  await page.getByRole("button", { name: "New key" }).click();
  const make = page.getByRole("button", { name: "Make the key" });
  await make.click();
  const label = page.getByLabel("What is it for?");
  await expect.poll(() => label.evaluate((it) => it === document.activeElement)).toBe(true);
  await expect.poll(() => label.getAttribute("aria-describedby")).toBe("label-missing");
  await page.getByRole("alert").getByText("Say in a few words what it is for.").waitFor();
  expect(await label.getAttribute("aria-invalid")).toBe("true");
  await expectAccessible(page);
  await label.fill("Two steps");
  await make.click();
  const everything = page.getByLabel("Everything you may do");
  await expect.poll(() => everything.evaluate((it) => it === document.activeElement)).toBe(true);
  await page.getByText("It may do nothing yet").waitFor();
  await everything.check();
  await make.click();
  await page.getByLabel("The key").waitFor();
});

test("what a new key of the project lacks is said at its field when one tries to make it", async () => {
  await open("api-keys");
  await page.getByRole("button", { name: "New project key" }).click();
  const make = page.getByRole("button", { name: "Make the key" });
  const label = page.getByLabel("What is it for?");
  await label.fill("   ");
  expect(await page.getByText("Say in a few words what it is for.").count()).toBe(0);
  await make.click();
  await page.getByRole("alert").getByText("Say in a few words what it is for.").waitFor();
  await expect.poll(() => label.evaluate((it) => it === document.activeElement)).toBe(true);
  expect(await label.getAttribute("aria-invalid")).toBe("true");
  expect(await label.getAttribute("aria-describedby")).toBe("project-key-label-missing");
  await expectAccessible(page);
  await label.fill("Billing");
  await page.getByRole("alert").waitFor({ state: "detached" });
  await make.click();
  await page.getByRole("textbox", { name: "The project key" }).waitFor();
});

test("what one can do with a list stands below its words where a phone has no room beside them", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open("api-keys");
  const words = await page.getByText("belongs to nobody in particular").boundingBox();
  const button = await page.getByRole("button", { name: "New project key" }).boundingBox();
  expect(button?.y).toBeGreaterThanOrEqual((words?.y ?? 0) + (words?.height ?? 0));
});

test("the public token can be copied", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await open("general");
  const token = await page.locator("code.token").innerText();
  expect(token).toMatch(/^phc_/);
  await page.getByRole("button", { name: "Copy the public token" }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(token);
});

test("a new article begins at its title", async () => {
  await open("articles/new");
  const title = page.getByLabel("Title");
  await expect.poll(() => title.evaluate((it) => it === document.activeElement)).toBe(true);
});

test("the time zone says what time it is there, and a zone that there is not is told at once", async () => {
  await open("general");
  const zone = page.getByLabel("Time zone");
  await zone.fill("Asia/Tokyo");
  await page.getByText(/It is .+ there\./).waitFor();
  await zone.fill("Atlantis");
  await page.getByLabel("Name", { exact: true }).focus();
  await page.getByText("There is no time zone “Atlantis”.").waitFor();
  expect(await zone.getAttribute("aria-invalid")).toBe("true");
  expect(await zone.getAttribute("aria-describedby")).toContain("timezone-error");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Discard" }).click();
});

test("the snippet's page says that the widget is off, and that the SDK is missing", async () => {
  await server.call("PATCH", "/api/projects/1/", { widget_enabled: false });
  await open("widget");
  await page.getByText("The widget is switched off").waitFor();
  await page.getByText("The browser SDK is not on this server yet").waitFor();
  await expectAccessible(page);
  await server.call("PATCH", "/api/projects/1/", { widget_enabled: true });
  await page.reload();
  await page.getByText("The browser SDK is not on this server yet").waitFor();
  expect(await page.getByText("The widget is switched off").count()).toBe(0);
});

test.each([
  { where: "/project/999/inbox", title: "There is no such project" },
  { where: "/project/nobody/settings", title: "There is no such project" },
  { where: "/project/1/nowhere", title: "There is no such page" },
])("$where says what is wrong, and leads home", async ({ where, title }) => {
  await page.goto(where);
  await page.getByRole("heading", { name: title }).waitFor();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Go to your inbox" }).click();
  await page.waitForURL(/\/project\/1\/inbox/);
});

test("where there is no mail server, the outbox and an invitation say that no mail goes out", async () => {
  await open("members");
  await page.getByRole("button", { name: "Invite" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "E-mail" }).fill("unsent@example.com");
  await dialog.getByRole("textbox", { name: "E-mail" }).press("Enter");
  await dialog.getByText("No mail goes out").waitFor();
  await open("outbox");
  await page.getByText("This server sends no mails:").waitFor();
  await page.getByText("THICKET_SMTP_URL").waitFor();
  await expectAccessible(page);
});

test("a server that does not answer is told of, and can be tried again", async () => {
  await page.route("**/api/users/@me/", (route) => route.fulfill({ status: 500, json: {} }));
  await page.goto("/project/1/inbox");
  await page.getByRole("heading", { name: "This did not work" }).waitFor();
  await expectAccessible(page);
  await page.unroute("**/api/users/@me/");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
});

test("who forgot their password is told how to get a new one", async () => {
  const outside = await openWindow(browser, server, { bypassCSP: true });
  await outside.goto("/signin");
  await outside.getByText("Forgot your password?").click();
  await outside.getByText("thicket user set-password").waitFor();
  await expectAccessible(outside);
  await closeWindow(outside);
});
