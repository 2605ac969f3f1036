// What a customer does with the published widget, and what the team sees of it. Each scenario runs in both ways in
// which a page can load the SDK, on a project of its own.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Shop, WAYS } from './support/shop.js'
import { Thicket } from './support/thicket.js'
import { Visitor, eventually, launchBrowser } from './support/visitor.js'

let thicket, shop, browser

before(async () => {
  thicket = await Thicket.start()
  shop = await Shop.open()
  browser = await launchBrowser()
})

after(async () => {
  await browser?.close()
  await shop?.close()
  await thicket?.stop()
})

/** A scenario: a project with these settings, and visitors on its page. One that stops the server has its own. */
function scenario(name, settings, run, { ownServer = false } = {}) {
  for (const way of Object.keys(WAYS)) {
    test(`way ${way}: ${name}`, async () => {
      const server = ownServer ? await Thicket.start() : thicket
      const project = await server.project(settings)
      const visitors = []
      const arrive = async () => {
        const visitor = await Visitor.arrive(browser)
        visitors.push(visitor)
        return visitor
      }
      const page = (options) => shop.page(way, server.url, project.token, options)
      try {
        await run({ project, arrive, page, server })
      } finally {
        await Promise.all(visitors.map((visitor) => visitor.leave()))
        if (ownServer) {
          await server.stop()
        }
      }
    })
  }
}

// Most of the time goes by between two polls, so some run side by side.
describe('the published widget', { concurrency: 4 }, () => {
  scenario('the button appears, and where it does not the reason is told', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.see('Hey, how can I help you today?')

    await project.set({ conversations_enabled: 'false' })
    const other = await arrive()
    await other.page.goto(page())
    const reason = () => other.page.evaluate(() => globalThis.posthog?.conversations?.getUnavailableReason?.())
    await eventually('the reason is told', async () => (await reason()) === 'disabled_in_project')
    assert.equal(await other.button().count(), 0)
  })

  scenario('a message is sent and the answer appears, once', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    assert.equal(await visitor.say('My parcel is lost'), 200)
    const ticket = await project.ticket(1)
    assert.equal(ticket.last_message_text, 'My parcel is lost')
    assert.equal(ticket.unread_team_count, 1)
    assert.match(ticket.session_context.current_url, /^http:\/\/localhost:\d+\/page/)
    await project.reply(1, 'We are looking for it')
    await visitor.see('We are looking for it')
    await visitor.nextPoll()
    await visitor.nextPoll()
    assert.equal(await visitor.count('We are looking for it'), 1)
    assert.equal(await visitor.count('My parcel is lost'), 1)
    assert.equal(await visitor.say('Thank you'), 200)
    assert.equal((await project.tickets()).length, 1)
  })

  scenario('a closed widget shows the badge, and opening it clears it for the team', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.say('Hello')
    await visitor.close()
    await project.reply(1, 'Hello yourself')
    await visitor.container.locator('[aria-label="Open chat (1 unread)"]').waitFor()
    assert.equal((await project.ticket(1)).unread_customer_count, 1)
    await visitor.open()
    await visitor.see('Hello yourself')
    await eventually('the team sees that it was read', async () => {
      return (await project.ticket(1)).unread_customer_count === 0
    })
  })

  scenario('a private note never appears', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.say('Hello')
    await project.reply(1, 'He is a difficult one', { is_private: true })
    await project.reply(1, 'Good day')
    await visitor.see('Good day')
    assert.equal(await visitor.count('He is a difficult one'), 0)
    const { messages } = await visitor.interface('getMessages')
    assert.deepEqual(messages.map((message) => message.content), ['Hello', 'Good day'])
  })

  scenario('a resolved ticket is locked after a reload, and a new conversation is a new ticket', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.say('One')
    await project.resolve(1)
    await visitor.page.reload()
    await visitor.openIfClosed()
    await visitor.see('Resolved')
    await visitor.press('New conversation')
    await visitor.say('Two')
    assert.equal((await project.ticket(2)).last_message_text, 'Two')
    assert.equal((await project.ticket(1)).message_count, 1)
  })

  scenario('the form asks for an address, which lands in the ticket', { widget_require_email: 'true' }, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.see('Before we start...')
    await visitor.container.locator('input[type=email]').fill('jo@example.com')
    await visitor.press('Start Chat')
    await visitor.say('Hello')
    assert.equal((await project.ticket(1)).anonymous_traits.email, 'jo@example.com')
  })

  scenario('who the site vouches for sees their ticket in any browser', {}, async ({ project, arrive, page }) => {
    const identity = (id, secret) => ({
      identity_distinct_id: id,
      identity_hash: createHmac('sha256', secret).update(id).digest('hex'),
    })
    const address = page(identity('user-1', project.secret))
    const visitor = await arrive()
    await visitor.visit(address)
    await visitor.open()
    assert.equal(await visitor.say('It is me'), 200)
    const ticket = await project.ticket(1)
    assert.equal(ticket.identity_verified, true)
    assert.equal(ticket.distinct_id, 'user-1')

    const elsewhere = await arrive()
    await elsewhere.visit(address)
    const { results } = await elsewhere.interface('getTickets', {})
    assert.deepEqual(results.map((it) => it.ticket_number), [1])
    await elsewhere.open()
    await elsewhere.see('It is me')

    const pretender = await arrive()
    await pretender.visit(page(identity('user-1', 'phs_guessed')))
    await pretender.open()
    assert.equal(await pretender.say('It is me, too'), 403)
    assert.equal((await project.tickets()).length, 1)
  })

  scenario('a mailed link brings the tickets to another browser, once', { widget_restore_enabled: 'true', widget_domains: 'localhost' }, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.interface('sendMessage', 'Remember me', { name: 'Jo', email: 'jo@example.com' })
    assert.equal((await project.ticket(1)).anonymous_traits.email, 'jo@example.com')

    const elsewhere = await arrive()
    await elsewhere.visit(page())
    await elsewhere.open()
    await elsewhere.press('Recover them here')
    await elsewhere.container.locator('input[type=email]').fill('Jo@Example.com')
    await elsewhere.press('Send restore link')
    const mail = await eventually('the mail is written', async () => (await project.mails())[0])
    assert.equal(mail.purpose, 'restore')
    assert.equal(mail.to, 'jo@example.com')
    const link = mail.text.match(/^http\S+$/m)[0]
    assert.match(link, /^http:\/\/localhost:\d+\/page\?.*&ph_conv_restore=[\w-]{43}$/)

    const token = new URL(link).searchParams.get('ph_conv_restore')
    const redeemed = elsewhere.page.waitForResponse((response) => response.url().endsWith('/widget/restore'))
    await elsewhere.page.goto(link)
    assert.equal((await (await redeemed).json()).status, 'success')
    await eventually('the token is gone from the address', () => !elsewhere.page.url().includes('ph_conv_restore'))
    // A widget that is there before the page has been drawn may get its messages too early to show them.
    await elsewhere.page.reload()
    await elsewhere.openIfClosed()
    await elsewhere.see('Remember me')
    assert.equal(await elsewhere.say('Here I am again'), 200)
    assert.equal((await project.tickets()).length, 1)

    const late = await arrive()
    await late.visit(page())
    assert.equal((await late.interface('restoreFromToken', token)).status, 'used')
    assert.equal((await late.interface('restoreFromToken', 'x'.repeat(43))).status, 'invalid')
  })

  scenario('on a site that is not listed nothing is drawn, and a forced call is refused', { widget_domains: 'https://elsewhere.example' }, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.page.goto(page())
    await visitor.interface('sendMessage', 'Let me in').catch(() => {})
    await eventually('the call is refused', async () => visitor.answers.some((answer) => answer.status === 403))
    assert.equal(await visitor.button().count(), 0)
    assert.equal((await project.tickets()).length, 0)
  })

  scenario('who is throttled comes more seldom, and recovers', {}, async ({ project, arrive, page }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.say('Hello')
    await project.set({ widget_visitor: '1/hour' })
    const refused = () => visitor.answers.filter((answer) => answer.status === 429)
    await eventually('the widget backs off', async () => {
      const times = refused().map((answer) => answer.at)
      const gaps = times.slice(1).map((at, index) => at - times[index])
      return gaps.some((gap) => gap > 7_000)
    })
    await project.set({ widget_visitor: 'off' })
    await project.reply(1, 'Still there')
    await visitor.see('Still there')
  })

  scenario('two tabs share a ticket, and go on after the server was away', {}, async ({ project, arrive, page, server }) => {
    const visitor = await arrive()
    await visitor.visit(page())
    await visitor.open()
    await visitor.say('From the first tab')
    const first = await visitor.newTab()
    await visitor.page.goto(page())
    await visitor.openIfClosed()
    await visitor.see('From the first tab')
    await visitor.say('From the second tab')
    const second = visitor.page
    visitor.useTab(first)
    await visitor.see('From the second tab')
    assert.equal((await project.tickets()).length, 1)

    let failed = 0
    first.on('requestfailed', (request) => {
      failed += request.url().includes('/widget/messages/') ? 1 : 0
    })
    await server.kill()
    await eventually('the widget gives up asking', async () => failed >= 3)
    await server.startAgain()
    await project.reply(1, 'Sorry for that')
    await first.evaluate(() => globalThis.dispatchEvent(new Event('online')))
    await visitor.see('Sorry for that')
    assert.equal(await visitor.say('Never mind'), 200)
    await second.close()
  }, { ownServer: true })
})
