// The site of a customer of ours, on an origin of its own: pages that include the SDK, as the site's owner writes them.

import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { once } from 'node:events'
import { SDK_DIST } from './sdk.js'

/** What the pages of way B load beforehand, the extension first. */
const BUNDLE = ['conversations.js', 'array.no-external.js']

/** The two ways to load the SDK that need no bundler. */
export const WAYS = {
  A: 'the script loads the widget by itself',
  B: 'the page brings the widget along',
}

export class Shop {
  #server

  static async open() {
    const shop = new Shop()
    shop.#server = createServer((request, response) => shop.#answer(request, response))
    shop.#server.listen(0, '127.0.0.1')
    await once(shop.#server, 'listening')
    // Another name than the server's, so that the origins differ in more than the port.
    shop.origin = `http://localhost:${shop.#server.address().port}`
    return shop
  }

  async close() {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Address of a page that includes the SDK in some way and starts it with these options. */
  page(way, host, token, options = {}) {
    const query = new URLSearchParams({ way, host, token, options: JSON.stringify(options) })
    return `${this.origin}/page?${query}`
  }

  #answer(request, response) {
    const url = new URL(request.url, this.origin)
    if (url.pathname === '/page') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(html(url.searchParams))
      return
    }
    const script = BUNDLE.find((name) => url.pathname === `/sdk/${name}`)
    if (!script) {
      response.statusCode = 404
      response.end()
      return
    }
    response.setHeader('Content-Type', 'text/javascript')
    createReadStream(join(SDK_DIST, script)).pipe(response)
  }
}

function html(query) {
  const host = query.get('host')
  const sources =
    query.get('way') === 'A' ? [`${host}/static/array.js`] : BUNDLE.map((name) => `/sdk/${name}`)
  const options = {
    api_host: host,
    autocapture: false,
    capture_pageview: false,
    disable_session_recording: true,
    disable_surveys: true,
    persistence: 'localStorage',
    ...JSON.parse(query.get('options')),
  }
  const scripts = sources.map((source) => `<script crossorigin="anonymous" src="${source}"></script>`)
  return `<!doctype html><meta charset="utf-8"><title>Shop</title><h1>Shop</h1>
${scripts.join('\n')}
<script>posthog.init(${JSON.stringify(query.get('token'))}, ${JSON.stringify(options)})</script>`
}
