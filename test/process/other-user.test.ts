import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder, start } from './program.ts'

/** Root may read everything: another user is the one to be refused. */
const isRoot = process.geteuid?.() === 0
const user = isRoot ? 12_345 : process.geteuid?.()
const becomeUser = isRoot
  ? `process.setgroups([]); process.setgid(${user}); process.setuid(${user});`
  : ''

/** Runs a main, as that user unless another beginning is given. */
async function run(main: 'cli' | 'server', DATA_DIR: string, beginning = becomeUser) {
  const argv = main === 'cli' ? ', "workspaces", "list"' : ''
  const script = `${beginning} process.argv.push("latchkey"${argv}); await import("./src/${main}.ts")`
  const { output, exited } = start(process.execPath, ['--input-type=module', '--eval', script], {
    ...{ DATA_DIR, PORT: '0', LOG_LEVEL: 'error' },
  })
  return { code: await exited, ...output }
}

const advice = 'run this as the user of the server, who owns DATA_DIR, or give the file to this one'
const refused = (action: string, path: string, code = 'EACCES') => ({
  code: 1,
  stdout: '',
  stderr: `latchkey: user ${user} may not ${action} ${path} (${code}); ${advice}\n`,
})

test('what the system does not let this user read or write is one line that says what to do', async () => {
  const above = await createFolder()
  const dataDir = join(above, 'data')
  if (isRoot) chownSync(above, user ?? 0, user ?? 0)
  expect(await run('cli', dataDir)).toMatchObject({ code: 0, stderr: '' })

  const secret = join(dataDir, 'secrets.key')
  chmodSync(secret, 0)
  for (const main of ['cli', 'server'] as const)
    expect(await run(main, dataDir)).toEqual(refused('read or write', secret))
  chmodSync(secret, 0o600)

  const file = join(dataDir, 'db', 'global', 'pg_control')
  chmodSync(file, 0)
  expect(await run('cli', dataDir)).toEqual(refused('read and write', file))
  chmodSync(file, 0o600)

  const closed = join(above, 'closed')
  mkdirSync(closed, { mode: 0o600 })
  expect(await run('cli', join(closed, 'data'))).toEqual(refused('use', join(closed, 'data')))
})

// Only root can give a folder to another user.
test.each(isRoot ? (['cli', 'server'] as const) : [])(
  'the %s of root leaves nothing in a DATA_DIR of another user',
  async (main) => {
    const dataDir = await createFolder()
    chownSync(dataDir, user ?? 0, user ?? 0)
    const refusal = {
      code: 1,
      stdout: '',
      stderr: `latchkey: DATA_DIR ${dataDir} belongs to user ${user}, who could not read what root writes there; run this as user ${user}\n`,
    }
    expect(await run(main, dataDir, '')).toEqual(refusal)
    expect(readdirSync(dataDir)).toEqual([])
    expect(await run('cli', dataDir)).toMatchObject({ code: 0, stderr: '' })
    expect(await run(main, dataDir, '')).toEqual(refusal)
    expect(await run('cli', dataDir)).toMatchObject({ code: 0, stderr: '' })

    const lock = join(dataDir, 'server.lock')
    chownSync(lock, 0, 0)
    expect(await run(main, dataDir)).toEqual(refused('use', lock, 'EPERM'))
  },
)
