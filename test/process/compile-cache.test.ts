import { chmod, readdir, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { latchkey, start } from './program.ts'

const folder = fileURLToPath(new URL('../../src/generated/compiled', import.meta.url))

// Whoever can write to what is kept decides what the next start runs.
test('compiled code is kept in a folder of the program, not in one for all users', async () => {
  const script = `
    const { keepCompiledCode } = await import('./src/compile-cache.ts')
    const { getCompileCacheDir } = await import('node:module')
    keepCompiledCode()
    console.log(getCompileCacheDir())`
  const asked = start(process.execPath, ['--input-type=module', '--eval', script], {})
  expect([await asked.exited, asked.output.stderr]).toEqual([0, ''])
  const kept = asked.output.stdout.trim()
  expect(kept.startsWith(`${folder}/`)).toBe(true)
  await latchkey(['open'], {})
  expect((await readdir(kept)).length).toBeGreaterThan(100)
})

test('nobody else can write to it, whatever the mask of whoever starts the program', async () => {
  await chmod(folder, 0o777)
  const script = `
    process.umask(0)
    const { keepCompiledCode } = await import('./src/compile-cache.ts')
    keepCompiledCode()`
  const asked = start(process.execPath, ['--input-type=module', '--eval', script], {})
  expect([await asked.exited, asked.output.stderr]).toEqual([0, ''])
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
})
