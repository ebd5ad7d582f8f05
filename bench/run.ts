// npm run bench [-- stock | token]: installs what only the comparisons need, on first use, and compares.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

if (!existsSync(new URL('node_modules/.package-lock.json', import.meta.url))) {
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const { status } = spawnSync('npm ci', { cwd, stdio: 'inherit', shell: true })
  if (status !== 0) process.exit(status ?? 1)
}

const { measureComparisons } = await import('./comparisons.ts')
await measureComparisons(process.argv[2])
