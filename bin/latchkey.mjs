#!/usr/bin/env node
// The program runs on the Node that it brings, whichever one the machine has.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const home = dirname(createRequire(import.meta.url).resolve('node/package.json'))
const program = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const { status } = spawnSync(join(home, 'bin/node'), [program, ...process.argv.slice(2)], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
