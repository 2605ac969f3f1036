// A customer in front of a browser: what they see of the widget, and what they do with it.

import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

/** How long anything may take before a test fails. A closed widget asks for news every 15 seconds. */
const PATIENCE = 30_000

export async function launchBrowser() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return browser
}

export class Visitor {
  #context

  /** A browser profile that nobody has used. */
  static async arrive(browser) {
    const context = await browser.newContext()
    context.setDefaultTimeout(PATIENCE)
    const visitor = new Visitor()
    visitor.#context = context
    await visitor.newTab()
    return visitor
  }

  /** Goes on in another tab of the same profile; gives the one that it leaves. */
  async newTab() {
    const before = this.page
    this.page = await this.#context.newPage()
    this.container = this.page.locator('#ph-conversations-widget-container')
    /** Answers of the widget's endpoints, the newest last. */
    this.answers = []
    this.page.on('response', (response) => {
      if (response.url().includes('/conversations/v1/widget/')) {
        this.answers.push({ status: response.status(), at: Date.now(), url: response.url() })
      }
    })
    return before
  }

  useTab(page) {
    this.page = page
    this.container = page.locator('#ph-conversations-widget-container')
  }

  async leave() {
    await this.#context.close()
  }

  /** Opens a page and waits until the widget's button is there; says why when it never is. */
  async visit(address) {
    await this.page.goto(address)
    await this.seeButton()
  }

  async seeButton() {
    try {
      await this.button().waitFor()
    } catch (error) {
      const reason = await this.page.evaluate(() => globalThis.posthog?.conversations?.getUnavailableReason?.())
      throw new Error(`the widget's button did not appear: ${reason}`, { cause: error })
    }
  }

  button() {
    return this.container.locator('[aria-label^="Open chat"]')
  }

  async open() {
    await this.button().click()
  }

  /** After a reload the widget may be open already, as it was before. */
  async openIfClosed() {
    const close = this.container.locator('[aria-label="Close"]')
    await close.or(this.button()).first().waitFor()
    if (await this.button().count()) {
      await this.open()
    }
  }

  async close() {
    await this.container.locator('[aria-label="Close"]').click()
    await this.button().waitFor()
  }

  /** Writes a message and waits until it stands in the chat and the server has it. */
  async say(text) {
    const sent = this.page.waitForResponse(
      (response) => response.url().endsWith('/widget/message') && response.request().method() === 'POST',
    )
    await this.container.locator('textarea').fill(text)
    await this.container.locator('[aria-label="Send message"]').click()
    const response = await sent
    if (response.ok()) {
      await this.see(text)
    }
    return response.status()
  }

  /** Waits until a text can be seen in the widget. */
  async see(text) {
    await this.container.getByText(text, { exact: false }).first().waitFor()
  }

  /** How often a text can be seen in the widget. */
  async count(text) {
    return this.container.getByText(text, { exact: true }).count()
  }

  async press(name) {
    await this.container.getByText(name, { exact: true }).first().click()
  }

  /** Runs in the page, with the SDK's program interface. */
  async interface(method, ...values) {
    await this.page.waitForFunction(() => globalThis.posthog?.conversations?.isAvailable?.())
    return this.page.evaluate(
      ([method, values]) => globalThis.posthog.conversations[method](...values),
      [method, values],
    )
  }

  /** Waits for the next answer to a poll that began after this call. */
  async nextPoll() {
    await this.page.waitForResponse(
      (response) => /\/widget\/messages\/[^/]+\?/.test(response.url()) && response.request().method() === 'GET',
    )
  }
}

/** Waits until a condition holds; asks again and again. */
export async function eventually(what, holds) {
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const value = await holds()
    if (value) {
      return value
    }
    assert(Date.now() < deadline, `never came to be: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
