import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { rejectionReason } from '../../src/auth/credential-state.ts'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { findKeyByHash } from '../../src/auth/key-record.ts'
import { attempt, directly, verdict } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { beforeSoon } from '../setup/soon.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
}

/** What becomes of a request with exactly these headers. */
const byHeaders = (headers: Record<string, string>): Promise<string> =>
  verdict(world, null, { headers })

// A reason tells which remedy helps; when several hold, the one that ends for good is told first.
test('the reasons of a refusal are told in one order, the final ones first', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'ADMIN' })
  const key = await makeKey({ ownerId: robot.userId, allowedIps: ['10.0.0.0/8'] })
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
  const old = { ...key, secret: key.secret }
  const set = (data: object): Promise<void> =>
    directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id: key.id }, data }),
    )
  const past = new Date(Date.now() - 1_000)

  expect(await verdict(world, secret, { address: '10.9.9.9' })).toBe('ACCEPTED')
  expect(await verdict(world, secret, { address: '192.0.2.1' })).toBe('401 IP_NOT_ALLOWED')
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, secret, { address: '192.0.2.1' })).toBe('401 DISABLED')
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKeySecret.updateMany({
      where: { keyId: key.id, endsAt: { not: null } },
      data: { endsAt: past },
    }),
  )
  expect(await verdict(world, old.secret)).toBe('401 ROTATED')
  expect(await verdict(world, secret)).toBe('401 DISABLED')
  await set({ expiresAt: past })
  expect(await verdict(world, old.secret)).toBe('401 EXPIRED')
  await set({ revokedAt: past, revokedById: workspace.ownerId })
  expect(await verdict(world, old.secret)).toBe('401 REVOKED')
  await set({ ownerRemoved: true })
  expect(await verdict(world, old.secret)).toBe('401 OWNER_REMOVED')
})

// Nothing is told to who merely guesses: a key that never was and one that is another's are alike.
test('without the right secret nobody learns more than that it is unknown or malformed', async () => {
  const key = await makeKey()
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  const { start, last4 } = await world.deps.prisma.apiKey.findFirstOrThrow({
    where: { id: key.id },
  })
  expect(await verdict(world, createApiKeySecret('lk'))).toBe('401 UNKNOWN')
  expect(await verdict(world, createApiKeySecret('other'))).toBe('401 UNKNOWN')
  const body = key.secret.slice(0, -1)
  const swapped = key.secret.at(-1) === 'A' ? 'B' : 'A'
  const malformed = [
    body,
    body + swapped,
    `${key.secret}0`,
    key.secret.toUpperCase(),
    key.secret.toLowerCase(),
    key.secret.replace('lk_', 'lx_'),
    key.secret.replace('lk_', ''),
    ` ${key.secret.slice(0, 10)} ${key.secret.slice(10)}`,
    `${start}${'0'.repeat(45 - last4.length)}${last4}`,
    key.id,
    'null',
    'x'.repeat(5_000),
    "' OR 1=1 --",
  ]
  for (const secret of malformed)
    expect([secret, await verdict(world, secret)]).toEqual([secret, '401 MALFORMED'])
})

// RFC 9728, 5.1: where a client learns how to get a credential.
const metadata =
  'resource_metadata="http://latchkey.test/.well-known/oauth-protected-resource/graphql"'

// RFC 6750: whoever is refused is told how to ask, and not with what error when they sent nothing.
test('a refusal is HTTP 401 with the challenge that its reason asks for', async () => {
  const missing = await world.gql(null, '{ viewer { kind } }')
  expect(missing.headers.get('www-authenticate')).toBe(`Bearer ${metadata}`)
  expect(missing.errors[0]?.extensions).toMatchObject({
    code: 'UNAUTHENTICATED',
    reason: 'MISSING',
    requestId: missing.headers.get('x-request-id'),
  })
  const unknown = await world.gql(createApiKeySecret('lk'), '{ viewer { kind } }')
  expect(unknown.headers.get('www-authenticate')).toBe(`Bearer error="invalid_token", ${metadata}`)
  expect(unknown.data).toBeFalsy()
})

// One header must not smuggle in another caller than the other one names.
test('the two headers are one credential, in either or both, and never two', async () => {
  const { secret } = await makeKey()
  const other = await makeKey()
  for (const headers of [
    { authorization: `Bearer ${secret}` },
    { authorization: `bearer ${secret}` },
    { authorization: `BEARER   ${secret}  ` },
    { 'x-api-key': secret },
    { authorization: `Bearer ${secret}`, 'x-api-key': secret },
    { authorization: '', 'x-api-key': secret },
    { authorization: 'Bearer', 'x-api-key': secret },
    { authorization: `Bearer ${secret}`, 'x-api-key': ' ' },
  ])
    expect([headers, await byHeaders(headers)]).toEqual([headers, 'ACCEPTED'])
  for (const second of [other.secret, 'nonsense', createApiKeySecret('lk'), `${secret}, ${secret}`])
    expect(await byHeaders({ authorization: `Bearer ${secret}`, 'x-api-key': second })).toBe(
      '400 BAD_REQUEST',
    )
})

// A proxy before the server asks for a password of its own, and the browser sends it everywhere.
test('an Authorization of another scheme than Bearer is no credential, and X-API-Key counts beside it', async () => {
  const { secret } = await makeKey()
  for (const authorization of [
    `Basic ${Buffer.from(`${secret}:`).toString('base64')}`,
    'basic dXNlcjpwYXNz',
    `Token ${secret}`,
    `DPoP ${secret}`,
    'Digest username="a", realm="b", nonce="c", uri="/graphql", response="d"',
    'Negotiate YIIZ1gYGKwYBBQUCoIIZ',
    'Negotiate',
    'NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKALpHAAAADw==',
    'AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/s/aws4_request, Signature=b',
    'SCRAM-SHA-256 data=biwsbj0',
    `Basic dXNlcjpwYXNz, Bearer ${secret}`,
  ]) {
    const alone = await byHeaders({ authorization })
    const both = await byHeaders({ authorization, 'x-api-key': secret })
    expect([authorization, alone, both]).toEqual([authorization, '401 MISSING', 'ACCEPTED'])
    const bad = await byHeaders({ authorization, 'x-api-key': createApiKeySecret('lk') })
    expect([authorization, bad]).toEqual([authorization, '401 UNKNOWN'])
  }
})

// What has no scheme was meant for us, or nobody can tell: nothing else is taken instead of it.
test('an Authorization without a scheme is malformed, whatever is beside it', async () => {
  const { secret } = await makeKey()
  const unknown = createApiKeySecret('lk')
  for (const authorization of [
    secret,
    unknown,
    `Bearer${secret}`,
    `Bearer: ${secret}`,
    `Bearer=${secret}`,
    `Bearer\t${secret}`,
    `${secret} ${secret}`,
    `${unknown}, ${unknown}`,
    'a.b.c',
    '"Basic" dXNlcjpwYXNz',
    randomUUID(),
    'x'.repeat(26),
  ]) {
    const alone = await byHeaders({ authorization })
    const both = await byHeaders({ authorization, 'x-api-key': secret })
    expect([authorization, alone, both]).toEqual([authorization, '401 MALFORMED', '401 MALFORMED'])
  }
})

test('the error for a malformed credential names its header, and what to send there', async () => {
  const { secret } = await makeKey()
  const inAuthorization =
    'Authorization holds no well-formed key or token; send "Authorization: Bearer <key or token>".'
  const inKey = 'X-API-Key holds no well-formed key or token; send "X-API-Key: <key or token>".'
  const told: [Record<string, string>, string][] = [
    [{ authorization: secret }, inAuthorization],
    [{ authorization: `Bearer ${secret}x` }, inAuthorization],
    [{ authorization: `Bearer Bearer ${secret}` }, inAuthorization],
    [{ authorization: `Bearer "${secret}"` }, inAuthorization],
    [{ 'x-api-key': `Bearer ${secret}` }, inKey],
    [{ 'x-api-key': `${secret}, ${secret}` }, inKey],
    [{ 'x-api-key': 'nonsense', authorization: 'Basic dXNlcjpwYXNz' }, inKey],
  ]
  for (const [headers, message] of told) {
    const { status, errors } = await world.gql(null, '{ viewer { kind } }', {}, { headers })
    const shown = [status, errors[0]?.extensions.reason, errors[0]?.message]
    expect([headers, ...shown]).toEqual([headers, 401, 'MALFORMED', message])
    const request = new Request('http://latchkey.test/documents/doc_x', { headers })
    expect(await (await world.app.fetch(request)).json()).toMatchObject({ errors: [{ message }] })
  }
})

test('an empty credential is none', async () => {
  for (const headers of [
    {},
    { authorization: '' },
    { authorization: 'Bearer ' },
    { 'x-api-key': '' },
  ])
    expect([headers, await byHeaders(headers)]).toEqual([headers, '401 MISSING'])
})

// A stolen secret is worth nothing from elsewhere, and nobody gets around it by writing an address oddly.
test('an address rule lets in what lies in its blocks, and nothing else', async () => {
  const rules: [string[], string[], (string | undefined)[]][] = [
    [
      ['192.0.2.0/24', '203.0.113.7'],
      ['192.0.2.0', '192.0.2.255', '203.0.113.7', '::ffff:192.0.2.9', '::ffff:c000:209'],
      ['192.0.3.0', '203.0.113.8', '::192.0.2.9', '2001:db8::1', '', 'nonsense', undefined],
    ],
    [
      ['2001:db8:1::/48'],
      ['2001:db8:1::1', '2001:DB8:1:ffff:ffff:ffff:ffff:ffff', '2001:0db8:0001::'],
      ['2001:db8:2::1', '192.0.2.1', '::1', undefined],
    ],
    [['0.0.0.0/0'], ['1.2.3.4', '::ffff:1.2.3.4'], ['::1', undefined]],
    [['::ffff:10.0.0.0/104'], ['10.1.1.1', '::ffff:10.1.1.1'], ['11.1.1.1', undefined]],
  ]
  for (const [allowedIps, allowed, denied] of rules) {
    const { secret } = await makeKey({ allowedIps })
    const ask = (address: string | undefined): Promise<string> =>
      verdict(world, secret, address === undefined ? {} : { address })
    for (const address of allowed)
      expect([address, await ask(address)]).toEqual([address, 'ACCEPTED'])
    for (const address of denied)
      expect([address, await ask(address)]).toEqual([address, '401 IP_NOT_ALLOWED'])
  }
  const anywhere = await makeKey()
  expect(await verdict(world, anywhere.secret)).toBe('ACCEPTED')
})

// A header that anybody can write says nothing about where a request comes from.
test('a forwarded address is not believed', async () => {
  const { secret } = await makeKey({ allowedIps: ['10.0.0.0/8'] })
  const headers = {
    'x-forwarded-for': '10.0.0.1',
    forwarded: 'for=10.0.0.1',
    'x-real-ip': '10.0.0.1',
  }
  expect(await verdict(world, secret, { address: '192.0.2.1', headers })).toBe('401 IP_NOT_ALLOWED')
  expect(await verdict(world, secret, { headers })).toBe('401 IP_NOT_ALLOWED')
})

// The last instant of a key is the one before its expiry.
test('a key is refused at the very instant of its expiry, and not a millisecond sooner', async () => {
  const expiresAt = new Date(Date.now() + 3_600_000)
  const { id, secret } = await makeKey({ expiresAt: expiresAt.toISOString() })
  const record = await findKeyByHash(world.deps.prisma, hashSecret(secret))
  if (record === undefined) throw new Error('the key is gone')
  const at = (ms: number) => rejectionReason(record, new Date(expiresAt.getTime() + ms), undefined)
  expect([at(-1), at(0), at(1)]).toEqual([undefined, 'EXPIRED', 'EXPIRED'])

  const end = await beforeSoon(async (soon) => {
    await directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id }, data: { expiresAt: soon } }),
    )
    return (await verdict(world, secret)) === 'ACCEPTED' ? soon : undefined
  })
  while (Date.now() < end.getTime() + 20) await verdict(world, secret)
  expect(await verdict(world, secret)).toBe('401 EXPIRED')
  const { data } = await world.gql(
    workspace.secret,
    'query ($id: ID!) { apiKey(id: $id) { status } }',
    { id },
  )
  expect(data.apiKey.status).toBe('EXPIRED')
})

// Who names another workspace learns nothing about whether there is one.
test('a key is refused for any other workspace than its own, alike whether there is one or not', async () => {
  const { secret } = await makeKey()
  const other = await world.createWorkspace()
  const naming = (name: string): Promise<string> =>
    verdict(world, secret, { headers: { 'x-workspace-id': name } })
  for (const own of [workspace.id, workspace.slug, '']) expect(await naming(own)).toBe('ACCEPTED')
  for (const name of [other.id, other.slug, 'no-such', 'wsp_x'])
    expect(await naming(name)).toBe('404 WORKSPACE_NOT_FOUND')
})

// A mutation decides anew under the lock: what ended since the request came in is not done any more.
test('a refused credential changes nothing', async () => {
  const key = await makeKey({ permissions: ['scopes:*'] })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  const { codes, payload } = await attempt(world, key.secret, 'createScope', { name: 'never' })
  expect({ codes, payload }).toEqual({ codes: ['REVOKED'], payload: null })
  expect(await world.deps.prisma.scope.count({ where: { name: 'never' } })).toBe(0)
})
