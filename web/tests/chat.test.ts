import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeWindow, expectAccessible, launch, signIn } from "./browser.ts";
import { Model } from "./model.ts";
import { Server } from "./server.ts";

let browser: Browser;
let server: Server;
let model: Model;
let page: Page;

beforeAll(async () => {
  model = new Model();
  server = await Server.start(await model.start());
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
  await server.stop();
  model.stop();
});

beforeEach(async () => {
  page = await signIn(browser, server, { bypassCSP: true });
  await page.goto("/project/1/chat");
});

afterEach(async () => {
  // Whatever a test left open is ended, so that the next one has the model for itself.
  await closeWindow(page);
  model.drop();
});

const composer = (on = page) => on.getByLabel("Message to the assistant");
const send = async (text: string) => {
  await composer().fill(text);
  await composer().press("Enter");
};
const sees = (text: string, on = page) =>
  on.locator(".thread").getByText(text, { exact: true }).waitFor();

test("an answer is shown while it is written, as Markdown", async () => {
  await send("How does it work?");
  await model.say("It is **quite");
  await page.locator("strong", { hasText: "quite" }).waitFor();
  await model.end(
    " simple**.\n\n```sh\nmake demo\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[more](https://example.com)",
  );
  await page.locator("strong", { hasText: "quite simple" }).waitFor();
  await page.getByLabel("Copy answer").waitFor();
  expect(await page.locator("pre").innerText()).toContain("make demo");
  expect(await page.locator("td").allInnerTexts()).toEqual(["1", "2"]);
  expect(await page.getByRole("link", { name: "more" }).getAttribute("rel")).toContain("noopener");
  await page.getByRole("link", { name: "A title by the model" }).waitFor();
  await expectAccessible(page);
});

test("HTML in an answer stays text", async () => {
  await send("Try it");
  await model.end("<img src=x onerror=alert(1)><svg></svg> done");
  await page.getByLabel("Copy answer").waitFor();
  expect(await page.locator(".from-assistant img, .from-assistant .text svg").count()).toBe(0);
});

test("after a reload the same text is there at once, and goes on", async () => {
  await send("Count");
  await model.say("one two");
  await sees("one two");
  await page.reload();
  await sees("one two");
  await model.end(" three");
  await sees("one two three");
  expect(model.asked.filter((text) => text.includes("Count"))).toHaveLength(1);
});

test("a second tab follows the same answer", async () => {
  await send("Count for two");
  await model.say("one");
  await sees("one");
  const second = await page.context().newPage();
  await second.goto(page.url());
  await sees("one", second);
  await model.end(" and two");
  await sees("one and two");
  await sees("one and two", second);
});

test("without a network the answer waits, and goes on where it was cut", async () => {
  await send("Count through a tunnel");
  await model.say("one");
  await sees("one");
  await page.context().setOffline(true);
  await page.getByText("The connection is lost.").waitFor();
  await model.say(" two");
  await page.context().setOffline(false);
  await sees("one two");
  await model.end(" three");
  await sees("one two three");
  expect(model.asked.filter((text) => text.includes("tunnel"))).toHaveLength(1);
});

test("a crash of the server in mid-answer takes away nothing that was read", async () => {
  await send("Count through a crash");
  await model.say("one two");
  await sees("one two");
  await server.kill();
  await page.getByText("The connection is lost.").waitFor();
  await sees("one two");
  await server.begin();
  await page.getByText("This answer was cut off.").waitFor();
  await sees("one two");
  await page.reload();
  await sees("one two");
  expect(model.asked.filter((text) => text.includes("crash"))).toHaveLength(1);
});

test("messages wait for the end of an answer, and can be changed and removed until then", async () => {
  await send("First");
  await model.say("answering");
  await send("Second");
  await send("Third");
  const queue = page.getByRole("region", { name: "Messages that wait" });
  await queue.getByText("Third").waitFor();

  await queue.getByLabel("Edit the waiting message").first().click();
  await queue.getByLabel("Change the waiting message").fill("Second, changed");
  await page.keyboard.press("Enter");
  await queue.getByText("Second, changed").waitFor();
  await queue.getByLabel("Remove the waiting message").last().click();
  await queue.getByText("Third").waitFor({ state: "detached" });

  await model.end();
  await model.called();
  await queue.waitFor({ state: "detached" });
  expect(model.asked.at(-1)).toContain("Second, changed");
  await model.end("done with the second");
  await sees("done with the second");
});

test("stopping keeps what was written, and gives back what waited", async () => {
  await send("Tell me everything");
  await model.say("To begin with");
  await sees("To begin with");
  await send("And then?");
  await page.getByRole("region", { name: "Messages that wait" }).waitFor();
  await page.getByLabel("Stop the answer").click();
  await page.getByText("You stopped this answer.").waitFor();
  await sees("To begin with");
  expect(await composer().inputValue()).toBe("And then?");
});

test("what is begun in the composer is still there after a reload", async () => {
  await composer().fill("Half a thought");
  await page.reload();
  await expect.poll(() => composer().inputValue()).toBe("Half a thought");
});

const opened = () => page.getByRole("link", { name: /^Go to ticket #\d+$/ });

test("a person is called after being asked, and the ticket that is opened leads to the inbox", async () => {
  await send("My parcel is lost");
  await model.end("I cannot find it.");
  await page.getByLabel("Copy answer").waitFor();
  await composer().fill("It was sent on Monday");
  const call = page.getByRole("button", { name: "Talk to a person" });
  await call.click();
  const dialog = page.getByRole("dialog", { name: "Talk to a person?" });
  await dialog.getByText("everything that was said in this conversation").waitFor();
  await dialog.getByText("What you have begun to write goes with it.").waitFor();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await expect.poll(() => call.evaluate((it) => it === document.activeElement)).toBe(true);
  expect(await composer().inputValue()).toBe("It was sent on Monday");
  expect(await page.getByText("Talk to a person:").count()).toBe(0);

  await call.click();
  await dialog.getByRole("button", { name: "Open a ticket" }).click();
  await page.getByText("Talk to a person: It was sent on Monday").waitFor();
  expect(await composer().inputValue()).toBe("");
  await opened().waitFor();
  await expectAccessible(page);
  const number = /\d+$/.exec(await opened().innerText())?.[0];
  await opened().click();
  await page.waitForURL(new RegExp(`/inbox/all/${number}$`));
  const ticket = page.getByRole("region", { name: "Messages" });
  await ticket.getByText("My parcel is lost").waitFor();
});

test("a person is called by the command menu, too, and only where one can write", async () => {
  const search = async () => {
    await page.keyboard.press("ControlOrMeta+k");
    await page.keyboard.type("talk to");
  };
  const option = page.getByRole("option", { name: "Talk to a person" });
  await search();
  await option.waitFor();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Talk to a person?" });
  await dialog.getByText("Your team gets a ticket, and answers you there.").waitFor();
  await page.keyboard.press("Escape");
  await page.goto(`/project/1/chat/${crypto.randomUUID()}`);
  await page.getByText("There is no such conversation").waitFor();
  await search();
  await page.getByText("Nothing fits.").or(page.getByRole("option").first()).waitFor();
  expect(await option.count()).toBe(0);
});

test("who comes by with keys goes on with them, and writes when they say so", async () => {
  await composer().waitFor();
  for (const [letter, path] of [
    ["m", /inbox\/mine/],
    ["c", /chat$/],
    ["o", /inbox\/open/],
    ["c", /chat$/],
  ] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await page.waitForURL(path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
  }
  await composer().waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("Hello");
  expect(await composer().inputValue()).toBe("Hello");
});
