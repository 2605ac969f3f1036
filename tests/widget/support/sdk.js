// Where the unmodified package of the browser SDK is.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules', 'posthog-js')

/** Folder of its scripts. */
export const SDK_DIST = join(folder, 'dist')

/** The version, which is part of the paths that it asks for. */
export const SDK_VERSION = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
