import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importsAll, legacyFile, legacySecret as secret } from './legacy-file.ts'
import { ask, createFolder, latchkey, start, startServer, stop } from './program.ts'

const header = 'name,value,encoding,start,last4,owner,spaceIds,allSpaces,permissions,level'

const printed = (stdout: string) => ({ code: 0, stdout: `${stdout}\n`, stderr: '' })
const refusal = (...lines: string[]) => ({
  code: 1,
  stdout: '',
  stderr: `latchkey: ${lines.join('\n')}\n`,
})

test('a file in the running server: each row by itself, twice is harmless, and its path is that of the folder where the command was typed', async () => {
  const folder = await createFolder()
  const settings = { DATA_DIR: join(folder, 'data') }
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  const { data } = await server.gql(
    owner,
    `mutation { a: addMember(input: { email: "Ada@example.com", role: MEMBER }) { member { user { id } } }
       s: createSpace(input: { name: "Only" }) { space { id } } }`,
  )
  const [ada, space] = [data.a.member.user.id, data.s.space.id]
  const [plain, hashed, personal, bad] = [secret(), secret(), secret(), secret()]
  const hash = createHash('sha256').update(hashed).digest('base64')
  const rows = [
    `"Plain, quoted",${plain},PLAINTEXT,,,ada@EXAMPLE.com,${space},,spaces:read agents:read,`,
    `Hashed,${hash},SHA256_BASE64,old-,${hashed.slice(-4)},${ada},,true,*,workspace`,
    `Bad hash,${bad},SHA256_HEX,old-,${bad.slice(-4)},${ada},,,,`,
    `No such permission,${secret()},PLAINTEXT,,,${ada},,,agents:fly ${bad},`,
    `Too few,${bad},PLAINTEXT`,
    `No owner,${secret()},PLAINTEXT,,,nobody@example.com,,,,`,
    `Personal,${personal},PLAINTEXT,,,ada@example.com,,,,user`,
    `With terms,${secret()},PLAINTEXT,,,${ada},,,agents:read,user`,
    `,${secret()},PLAINTEXT,,,${ada},,,,user`,
  ]
  const path = join(folder, 'keys.csv')
  await writeFile(path, `\ufeff${[header, ...rows].join('\r\n')}\r\n\r\n`)
  const problems = [
    'row 4, value: A SHA-256 in hex has 64 digits. (INVALID)',
    'row 5, permissions.0: There is no permission "agents:fly"; see the query permissions. (UNKNOWN_PERMISSION)',
    'row 5, permissions.1: There is no permission "[…]"; see the query permissions. (UNKNOWN_PERMISSION)',
    'row 6: 3 values; expected 10, one for each column',
    'row 7, owner: No member has this e-mail address. (NOT_FOUND)',
    'row 9, level: A user-level key has all that its owner has: no terms of its own. (INVALID)',
    'row 10, name: A name must not be empty. (INVALID)',
  ]
  const run = (...more: string[]) => latchkey(['legacy', 'import', path, ...more], settings)
  expect(await run('--dry-run')).toEqual(
    refusal('3 keys would be imported, 0 known already, 6 refused.', ...problems),
  )
  expect((await ask(server.url, plain, '{ viewer { kind } }')).status).toBe(401)
  expect(await run('--workspace', 'main')).toEqual(
    refusal('3 keys were imported, 0 known already, 6 refused.', ...problems),
  )
  expect(await run()).toEqual(
    refusal('0 keys were imported, 3 known already, 6 refused.', ...problems),
  )
  expect(await run('--workspace', 'none')).toEqual(refusal('There is no workspace "none".'))

  const viewer = `{ viewer { user { email } role permissions spaces { spaceId } apiKey { name legacy } } }`
  const seen = async (credential: string) => (await ask(server.url, credential, viewer)).data.viewer
  const user = { email: 'Ada@example.com' }
  expect(await seen(plain)).toEqual({
    user,
    role: 'MEMBER',
    permissions: [],
    spaces: [],
    apiKey: { name: 'Plain, quoted', legacy: true },
  })
  expect(await seen(hashed)).toMatchObject({ user, apiKey: { name: 'Hashed', legacy: true } })
  expect(await seen(personal)).toMatchObject({ user, apiKey: { name: 'Personal', legacy: true } })

  const key = await ask(server.url, personal, '{ viewer { apiKey { id } } }')
  const { id } = key.data.viewer.apiKey
  expect(await latchkey(['legacy', 'revoke', id], settings)).toEqual(
    printed(`The key ${id} is revoked, in one workspace.`),
  )
  expect((await ask(server.url, personal, viewer)).errors[0].extensions.reason).toBe('REVOKED')
  expect(await latchkey(['legacy', 'revoke', id], settings)).toEqual(
    printed(`Nothing was changed: the key ${id} was revoked before.`),
  )
  expect(await latchkey(['legacy', 'revoke', 'key_none'], settings)).toEqual(
    refusal('There is no user-level key "key_none".'),
  )

  // The server has a folder of its own, and may see other files by the same name.
  const value = secret()
  const row = `Rélative\t${value}\tPLAINTEXT\towner@localhost`
  await mkdir(join(folder, 'here'))
  // As a spreadsheet saves "Unicode text".
  const text = Buffer.from(`\ufeffname\tvalue\tencoding\towner\r\n${row}\r\n`, 'utf16le')
  await writeFile(join(folder, 'here', 'keys.csv'), text)
  const program = fileURLToPath(new URL('../../bin/latchkey.mjs', import.meta.url))
  const script = `cd '${join(folder, 'here')}' && exec '${process.execPath}' '${program}' legacy import keys.csv`
  const typed = start('/bin/sh', ['-c', script], settings)
  expect([await typed.exited, typed.output]).toEqual([
    0,
    { stdout: 'one key was imported, 0 known already, 0 refused.\n', stderr: '' },
  ])
  const typedViewer = '{ viewer { role apiKey { name } } }'
  expect((await ask(server.url, value, typedViewer)).data.viewer).toEqual({
    role: 'OWNER',
    apiKey: { name: 'Rélative' },
  })

  const log = server.output.stderr + server.output.stdout
  for (const hidden of [plain, hashed, personal, bad, value]) expect(log).not.toContain(hidden)
  expect(await stop(server)).toBe(0)
})

test('a file that is none is refused before any database is made', async () => {
  const folder = await createFolder()
  const settings = { DATA_DIR: join(folder, 'data') }
  await writeFile(join(folder, 'binary.csv'), Buffer.from('name,\0\u00fc', 'latin1'))
  await writeFile(join(folder, 'empty.csv'), '')
  for (const name of ['none.csv', 'binary.csv', 'empty.csv']) {
    const path = join(folder, name)
    const { code, stdout, stderr } = await latchkey(['legacy', 'import', path], settings)
    expect([name, code, stdout]).toEqual([name, 1, ''])
    expect(stderr).toMatch(/no such file|no text that can be read|the column name is missing/)
  }
  expect(existsSync(settings.DATA_DIR)).toBe(false)
})

// More than one transaction takes.
test('more than a thousand keys go in, with a server or without one', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data') }
  const file = await legacyFile(1_001)
  expect(await stop(await startServer(settings))).toBe(0)
  await importsAll(settings, file)
  const server = await startServer({ ...settings, KEY_PREFIX: 'new' })
  await importsAll(settings, await legacyFile(1_001, 'Other'))
  for (const secret of [file.secrets[0], file.secrets[500], file.secrets.at(-1)])
    expect((await ask(server.url, secret ?? '', '{ viewer { role } }')).data.viewer).toEqual({
      role: 'OWNER',
    })
  // What began keys before the prefix changed is still no secret of another system.
  for (const [secret, reason] of [
    [`lk_${'x'.repeat(30)}`, 'MALFORMED'],
    [`new_${'x'.repeat(30)}`, 'MALFORMED'],
    [`old_${'x'.repeat(30)}`, 'UNKNOWN'],
  ] as const) {
    const { errors } = await ask(server.url, secret, '{ viewer { kind } }')
    expect([secret, errors[0].extensions.reason]).toEqual([secret, reason])
  }
  expect(await stop(server)).toBe(0)
})
