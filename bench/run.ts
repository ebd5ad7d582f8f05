// npm run bench [-- name]: makes all comparisons, or the one of that name. What only the comparisons need is installed first.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const changed = (path: string): number =>
  statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0

if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const { status } = spawnSync('npm ci', { cwd, stdio: 'inherit', shell: true })
  if (status !== 0) process.exit(status ?? 1)
}

const { measureComparisons } = await import('./comparisons.ts')
await measureComparisons(process.argv[2])
