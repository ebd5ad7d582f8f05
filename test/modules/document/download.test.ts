import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { cheap, limitTo, remaining } from '../../limits/ask.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { mint, rotate } from '../access-token/ask.ts'
import { createStage, deleteDocument, download, type Stage, uploaded } from './ask.ts'

let stage: Stage

useWorld()
beforeAll(async () => {
  stage = await createStage(world)
})

test('a download is a file that no browser shows and no cache keeps', async () => {
  const { workspace, session } = stage
  const page = '<script>alert(document.domain)</script>'
  const { id } = await uploaded(world, workspace.secret, session, page, 'page.html')
  const response = await download(world, workspace.secret, id)
  expect(response.status).toBe(200)
  const headers = Object.fromEntries(response.headers)
  expect(headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(page.length),
    'content-disposition': 'attachment; filename=page.html',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'no-store',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'access-control-allow-origin': '*',
  })
  // A page that asks by a script names the file by it.
  const exposed = headers['access-control-expose-headers']?.split(', ')
  expect(exposed).toContain('Content-Disposition')
  expect(await response.text()).toBe(page)
})

test.each([
  [
    'Grüße €.txt',
    `attachment; filename="Gr??e ?.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.txt`,
  ],
  ['a"; filename=b.exe', String.raw`attachment; filename="a\"; filename=b.exe"`],
  ['100%25.txt', `attachment; filename=100%25.txt; filename*=UTF-8''100%2525.txt`],
])('the name %s is the one of the file that is saved', async (name, disposition) => {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text', name)
  const { headers } = await download(world, workspace.secret, id)
  expect(headers.get('content-disposition')).toBe(disposition)
})

test('an image has its own type, and HEAD tells the same without the content', async () => {
  const { workspace, session } = stage
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
  const { id } = await uploaded(world, workspace.secret, session, png, 'a.png')
  const got = await download(world, workspace.secret, id)
  expect(got.headers.get('content-type')).toBe('image/png')
  expect(Buffer.from(await got.arrayBuffer())).toEqual(png)
  const authorization = `Bearer ${workspace.secret}`
  const head = await download(world, null, id, { method: 'HEAD', headers: { authorization } })
  expect(head.status).toBe(200)
  expect(await head.text()).toBe('')
  for (const name of ['content-type', 'content-length', 'content-disposition'])
    expect(head.headers.get(name)).toBe(got.headers.get(name))
})

test('every credential of the API is one here, in either header', async () => {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  const { token } = await mint(world, workspace.secret)
  expect((await download(world, token, id)).status).toBe(200)
  await rotate(world, token)
  const rotated = await download(world, token, id)
  expect(rotated.status).toBe(401)
  expect(await rotated.json()).toMatchObject({ errors: [{ extensions: { reason: 'ROTATED' } }] })
  const inKeyHeader = await download(world, null, id, {
    headers: { 'x-api-key': workspace.secret },
  })
  expect(inKeyHeader.status).toBe(200)
  const without = await download(world, null, id)
  expect([without.status, without.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer resource_metadata="http://latchkey.test/.well-known/oauth-protected-resource"',
  ])
  for (const bad of ['lk_short', `${workspace.secret.slice(0, -1)}x`])
    expect((await download(world, bad, id)).status).toBe(401)
  const there = await download(world, null, `${id}?access_token=${workspace.secret}`)
  expect(there.status).toBe(401)
})

test('a download costs 1, found or not, and none is had over the limit', async () => {
  const { workspace, session } = await createStage(world)
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  await limitTo(world, workspace, 4)
  const first = await world.gql(workspace.secret, cheap)
  expect(remaining(first.headers).workspace).toBe(3)
  const found = await download(world, workspace.secret, id)
  expect([found.status, remaining(found.headers).workspace]).toEqual([200, 2])
  const missing = await download(world, workspace.secret, newId('doc'))
  expect([missing.status, remaining(missing.headers).workspace]).toEqual([404, 1])
  expect((await download(world, workspace.secret, id)).status).toBe(200)
  const refused = await download(world, workspace.secret, id)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
})

test('only GET and HEAD are known, and only the address of one document', async () => {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  const headers = { authorization: `Bearer ${workspace.secret}` }
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const response = await download(world, null, id, { method, headers })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  }
  for (const address of [`${id}/`, `${id}/x`, `x/${id}`, id.toUpperCase(), '', `${id}%00`, '..%2f'])
    expect((await download(world, workspace.secret, address)).status, address).toBe(404)
})

/** What two answers never share: the request's own id, and what is left of limits. */
const isOfRequest = (name: string): boolean => /^(x-request-id|ratelimit)$/.test(name)

async function answerTo(secret: string, documentId: string) {
  const response = await download(world, secret, documentId)
  const { status, headers } = response
  return { status, headers: [...headers], body: await response.text() }
}

test('what may not be read is answered byte for byte like what never was', async () => {
  const { workspace, session, make, space } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  const deleted = await uploaded(world, workspace.secret, session, 'deleted')
  await deleteDocument(world, workspace.secret, deleted.id)
  const other = await createStage(world)
  const foreign = await uploaded(world, other.workspace.secret, other.session, 'text')
  const otherSpace = await make.space({ name: 'other' })
  const elsewhere = await make.key({
    name: 'elsewhere',
    permissions: ['*'],
    spaces: [{ spaceId: otherSpace }],
  })
  const { userId } = await make.machine({ name: 'member', role: 'MEMBER', spaceIds: [space] })
  const member = await make.key({
    name: 'member',
    ownerId: userId,
    permissions: ['documents:*', 'sessions:read', 'agents:read'],
    allSpaces: true,
  })
  const seen = async (secret: string, documentId: string) => {
    const { headers, ...answer } = await answerTo(secret, documentId)
    return { ...answer, headers: headers.filter(([name]) => !isOfRequest(name)) }
  }
  const never = await seen(workspace.secret, newId('doc'))
  expect(never).toMatchObject({ status: 404, body: '{"error":"not found"}' })
  for (const [secret, documentId] of [
    [workspace.secret, foreign.id],
    [workspace.secret, deleted.id],
    [workspace.secret, session],
    [elsewhere.secret, id],
    [member.secret, id],
  ] as const)
    expect(await seen(secret, documentId)).toEqual(never)
})

test('who may read no document at all is told which permission that takes', async () => {
  const { make, space } = stage
  const key = await make.key({
    name: 'no documents',
    permissions: ['sessions:read', 'agents:read'],
    spaces: [{ spaceId: space }],
  })
  const response = await download(world, key.secret, newId('doc'))
  expect(response.status).toBe(403)
  expect(await response.json()).toMatchObject({
    errors: [{ extensions: { code: 'FORBIDDEN', missingPermissions: ['documents:read'] } }],
  })
})

test('a content that the storage has lost is no success, and nobody is told where it was', async () => {
  const { workspace, session } = stage
  const { id, sha256 } = await uploaded(world, workspace.secret, session, 'lost')
  await rm(join(world.documentsFolder, workspace.id, `${sha256}-${id}`))
  const response = await download(world, workspace.secret, id)
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  const text = await response.text()
  expect(text).not.toContain(sha256)
  expect(text).not.toContain(world.documentsFolder)
})
