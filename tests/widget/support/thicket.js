// A Thicket server of its own for the tests: the real binary, on a free port, with an empty data directory.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, mkdir, rm, symlink } from 'node:fs/promises'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SDK_DIST, SDK_VERSION } from './sdk.js'

const run = promisify(execFile)

export class Thicket {
  #binary
  #folder
  #process
  #env

  /** Starts the binary that THICKET_BINARY names. */
  static async start() {
    const thicket = new Thicket()
    thicket.#binary = process.env.THICKET_BINARY
    assert(thicket.#binary, 'THICKET_BINARY names the server to test: run scripts/test-widget')
    thicket.#folder = await mkdtemp(join(tmpdir(), 'thicket-widget-'))
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('THICKET_'))
    thicket.#env = {
      ...Object.fromEntries(inherited),
      THICKET_DATA_DIR: join(thicket.#folder, 'data'),
      THICKET_STATIC_DIR: await thicket.#layOutSdk(),
      THICKET_LOG: process.env.WIDGET_TEST_LOG ?? 'warn',
    }
    await thicket.#serve('127.0.0.1:0')
    return thicket
  }

  // As an operator lays out a copy of the package: `array.js` for the page's script, and the extensions under the
  // version that the script asks for.
  async #layOutSdk() {
    const folder = join(this.#folder, 'static')
    await mkdir(folder)
    await symlink(join(SDK_DIST, 'array.js'), join(folder, 'array.js'))
    await symlink(SDK_DIST, join(folder, SDK_VERSION))
    return folder
  }

  async #serve(listen) {
    const child = spawn(this.#binary, ['serve'], {
      env: { ...this.#env, THICKET_LISTEN: listen },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process = child
    const lines = createInterface({ input: child.stdout })
    const [line] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(([code]) => assert.fail(`the server ended with ${code}`)),
    ])
    this.url = line.match(/listening on (http:\S+)/)?.[1]
    assert(this.url, `the server said: ${line}`)
  }

  /** Ends the process, as a crash of the machine would. */
  async kill() {
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }

  /** Starts it again where it was. */
  async startAgain() {
    await this.#serve(new URL(this.url).host)
  }

  async stop() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) {
      await this.kill()
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #cli(...words) {
    const { stdout } = await run(this.#binary, [...words, '--json'], { env: this.#env })
    return JSON.parse(stdout)
  }

  /** A new project whose widget is switched on, with an agent. `settings` are those of `project set`. */
  async project(settings = {}) {
    const project = await this.#cli('project', 'create', '--name', 'Shop')
    const id = String(project.id)
    const email = `agent-${id}@example.com`
    await this.#cli('user', 'create', '--email', email, '--name', 'Robin Agent', '--project', id)
    const { key } = await this.#cli('key', 'create', '--user', email, '--scopes', '*')
    const all = { widget_enabled: 'true', reply_burst: 'off', ...settings }
    await this.set(id, all)
    return new Project(this, project, key)
  }

  async set(id, settings) {
    const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    await this.#cli('project', 'set', id, ...words)
  }
}

/** A project as its team has it. */
export class Project {
  #thicket
  #key

  constructor(thicket, facts, key) {
    this.#thicket = thicket
    this.#key = key
    this.id = String(facts.id)
    this.token = facts.public_token
    this.secret = facts.secret_token
    this.widgetToken = facts.widget_token
  }

  async set(settings) {
    await this.#thicket.set(this.id, settings)
  }

  /** Asks the API with the agent's key. */
  async api(method, path, body) {
    const response = await fetch(`${this.#thicket.url}/api/projects/${this.id}/conversations/${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.#key}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    const text = await response.text()
    assert(response.ok, `${method} ${path}: ${response.status} ${text}`)
    return text && JSON.parse(text)
  }

  /** The tickets, the newest first. */
  async tickets() {
    return (await this.api('GET', 'tickets/?order_by=-created_at')).results
  }

  /** A ticket as the list shows it: that reads nothing. */
  async ticket(number) {
    return (await this.tickets()).find((ticket) => ticket.ticket_number === number)
  }

  async reply(number, message, more = {}) {
    return this.api('POST', `tickets/${number}/reply/`, { message, ...more })
  }

  async resolve(number) {
    return this.api('PATCH', `tickets/${number}/`, { status: 'resolved' })
  }

  /** The mails of the outbox, the newest first. */
  async mails() {
    return (await this.api('GET', 'outbox/')).results
  }
}
