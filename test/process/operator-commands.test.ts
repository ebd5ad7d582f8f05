import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ask, createFolder, keysIn, latchkey, startServer, stop } from './program.ts'

test('--help, --version and what was mistyped need no database, and make none', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data'), NODE_ENV: 'nonsense' }
  const run = (...argv: string[]) => latchkey(argv, settings)
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  const { version } = JSON.parse(await readFile(path, 'utf8'))
  expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  for (const argv of [['--help'], ['keys', 'create', '--help']]) {
    const { code, stdout, stderr } = await run(...argv)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^latchkey .*\n/)
  }
  for (const [argv, stderr] of [
    [['open'], 'latchkey: unknown command "open"; see latchkey --help\n'],
    [['demo', '--fast'], "latchkey: Unknown option '--fast'; see latchkey demo --help\n"],
  ] as const)
    expect(await run(...argv)).toEqual({ code: 2, stdout: '', stderr })
  expect(existsSync(settings.DATA_DIR)).toBe(false)
})

test('on the embedded database: commands for programs, in the running server and without one', async () => {
  const folder = await createFolder()
  const settings = { DATA_DIR: join(folder, 'data') }
  const run = (...argv: string[]) => latchkey([...argv, '--json'], settings)
  const result = async (...argv: string[]): Promise<any> => {
    const { code, stdout, stderr } = await run(...argv)
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout)
  }
  const server = await startServer(settings)
  const { member } = await result('members', 'add', 'ada@example.com', 'BUILDER')
  const { apiKey, secret } = await result(
    ...['keys', 'create', member.user.id, 'CI', '--permissions', 'agents:read', '--all-spaces'],
  )
  const viewer = async (credential: string) => {
    const { data, errors } = await ask(server.url, credential, '{ viewer { role } }')
    return data?.viewer.role ?? errors[0].extensions.reason
  }
  expect(await viewer(secret)).toBe('BUILDER')
  const rotated = await result('keys', 'rotate', apiKey.id)
  expect(await viewer(rotated.secret)).toBe('BUILDER')
  expect((await result('keys', 'revoke', apiKey.id)).revokedCount).toBe(1)
  for (const each of [secret, rotated.secret]) expect(await viewer(each)).toBe('REVOKED')

  const refused = 'latchkey: The key is revoked.\n'
  expect(await run('keys', 'rotate', apiKey.id)).toEqual({ code: 1, stdout: '', stderr: refused })
  const file = join(folder, 'keys.csv')
  await writeFile(
    file,
    `name,value,encoding,owner\nGood,${'g'.repeat(20)},PLAINTEXT,nobody@x.example\n`,
  )
  const imported = await run('legacy', 'import', file)
  const summary = '0 keys were imported, 0 known already, 1 refused.'
  expect(imported).toMatchObject({ code: 1, stderr: `latchkey: ${summary}\n` })
  expect(JSON.parse(imported.stdout)).toEqual({
    ...{ imported: 0, known: 0, refused: 1 },
    problems: ['row 2, owner: No member has this e-mail address. (NOT_FOUND)'],
  })
  const logged = server.output.stderr + server.output.stdout.split('curl')[1]
  expect(keysIn(logged).filter((key) => key !== server.printedKeys[0])).toEqual([])
  expect(logged).not.toContain('ada@example.com')
  expect(logged).toContain(`"command":"keys create","target":"${apiKey.id}"`)
  expect(await stop(server)).toBe(0)

  const [listed, owners] = await result('keys', 'list')
  expect(listed).toMatchObject({
    id: apiKey.id,
    status: 'REVOKED',
    owner: { name: 'ada@example.com' },
  })
  expect(owners).toMatchObject({ status: 'ACTIVE', last4: server.printedKeys[0]?.slice(-4) })
  const { code, stdout, stderr } = await latchkey(['workspaces', 'list'], {
    ...settings,
    LOG_LEVEL: 'info',
  })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ID +SLUG +NAME +PLAN +CREATED\nwsp_\w+ +main +Main +ENTERPRISE +\S+Z\n$/)
  expect(JSON.parse(stderr)).toMatchObject({ msg: 'command done', command: 'workspaces list' })
})
