import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { World } from '../../setup/world.ts'
import { directly } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'

useWorkspace()

type Options = Parameters<World['gql']>[3]

/** The status of an answer with what it says of the end of the credential. */
async function told(secret: string | null, query = '{ viewer { kind } }', options?: Options) {
  const { status, headers } = await world.gql(secret, query, undefined, options)
  return { status, deprecation: headers.get('deprecation'), sunset: headers.get('sunset') }
}
const nothing = { deprecation: null, sunset: null }

const make = (more: object = {}) =>
  importOne(world, workspace.secret, legacyKey(workspace.ownerId, more))

/** Since when, in the structured field of RFC 9745. */
async function since(id: string): Promise<string> {
  const { createdAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  return `@${Math.floor(createdAt.getTime() / 1_000)}`
}

// Whoever still uses one learns of it from every answer, and from no other place.
test('an answer to a legacy secret tells since when it has been one, and nothing else does', async () => {
  const legacy = await make()
  const deprecation = await since(legacy.id)
  expect(deprecation).toMatch(/^@\d{10}$/)
  for (const query of ['{ viewer { kind } }', '{ members { nodes { id } } }'])
    expect(await told(legacy.secret, query)).toEqual({ status: 200, deprecation, sunset: null })
  for (const query of ['{ noSuchField }', '{ not a document'])
    expect(await told(legacy.secret, query)).toMatchObject({ deprecation, sunset: null })
  const ordinary = await seed(world, workspace.secret).key({ name: 'ordinary' })
  for (const secret of [ordinary.secret, workspace.secret])
    expect(await told(secret)).toEqual({ status: 200, ...nothing })
  expect(await told('no-such-secret-anywhere')).toEqual({ status: 401, ...nothing })
  expect(await told(null)).toMatchObject(nothing)
})

test('with an end it tells that too, whichever comes first', async () => {
  const other = await world.createWorkspace()
  const legacy = await importOne(world, other.secret, legacyKey(other.ownerId))
  const at = (seconds: number) => new Date(Math.floor(Date.now() / 1_000 + seconds) * 1_000)
  const sunset = at(5_000)
  await done(world, other.secret, 'updateWorkspace', 'workspace { id }', {
    legacyKeySunsetAt: sunset.toISOString(),
  })
  expect(await told(legacy.secret)).toMatchObject({ sunset: sunset.toUTCString() })
  expect(sunset.toUTCString()).toMatch(
    /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  )
  const expiresAt = at(3_000)
  await done(world, other.secret, 'updateApiKey', 'apiKey { id }', {
    id: legacy.id,
    expiresAt: expiresAt.toISOString(),
  })
  expect(await told(legacy.secret)).toMatchObject({ sunset: expiresAt.toUTCString() })
})

test('also an answer that refuses, once it is known who asks', async () => {
  const legacy = await make()
  const deprecation = await since(legacy.id)
  const limit = (requestsPerMinute: number | null) =>
    done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
      id: legacy.id,
      requestsPerMinute,
    })
  await limit(0)
  expect(await told(legacy.secret)).toMatchObject({ status: 429, deprecation })
  await limit(null)
  const accept = { accept: 'application/graphql-response+json' }
  expect(await told(legacy.secret, '{ noSuchField }', { headers: accept })).toMatchObject({
    status: 400,
    deprecation,
  })
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: legacy.id })
  expect(await told(legacy.secret)).toEqual({ status: 401, ...nothing })
})

test('a page of another origin may read them', async () => {
  const { headers } = await world.gql(workspace.secret, '{ viewer { kind } }')
  const exposed = headers.get('access-control-expose-headers')?.split(', ')
  expect(exposed).toEqual(expect.arrayContaining(['Deprecation', 'Sunset']))
})

test('after the migration the old secret is told its own end, and the new one nothing', async () => {
  const legacy = await make()
  const { secret, apiKey } = await done(
    world,
    workspace.secret,
    'migrateLegacyKey',
    'secret apiKey { previousSecretExpiresAt }',
    { id: legacy.id, overlapSeconds: 600 },
  )
  expect(await told(legacy.secret)).toEqual({
    status: 200,
    deprecation: await since(legacy.id),
    sunset: new Date(apiKey.previousSecretExpiresAt).toUTCString(),
  })
  expect(await told(secret)).toEqual({ status: 200, ...nothing })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKeySecret.updateMany({
      where: { keyId: legacy.id, legacy: true },
      data: { endsAt: new Date() },
    }),
  )
  expect(await told(legacy.secret)).toEqual({ status: 401, ...nothing })
})
