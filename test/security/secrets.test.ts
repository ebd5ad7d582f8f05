import {
  type GraphQLNamedOutputType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
} from 'graphql'
import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { schema } from '../../src/schema/schema.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

/** The body of a secret and of what can be made of it, in the forms that text may hold them in. */
function formsOf(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes)
  return ['hex', 'base64', 'base64url'].map((encoding) =>
    buffer.toString(encoding as BufferEncoding).replace(/=+$/, ''),
  )
}

/** What of a key or a token must be nowhere: the random part, or the claims and the signature. */
function needlesOf(secret: string): string[] {
  const [, claims, signature] = secret.split('.')
  if (claims !== undefined && signature !== undefined) {
    const bytes = [Buffer.from(secret), Buffer.from(signature, 'base64url')]
    return [claims, signature, ...bytes.flatMap(formsOf)]
  }
  const random = secret.slice(secret.lastIndexOf('_') + 1, -6)
  return [random, ...formsOf(Buffer.from(secret)), ...formsOf(Buffer.from(random))]
}

/** Where in `text` one of the needles stands, in any case of its letters: around it, to be read. */
const findings = (text: string, needles: readonly string[]): string[] =>
  needles.flatMap((needle) => {
    const at = text.toLowerCase().indexOf(needle.toLowerCase())
    return at < 0 ? [] : [text.slice(Math.max(0, at - 80), at + needle.length + 20)]
  })

/** Every row of every table, as text; bytes in hex. */
async function dump(): Promise<{ table: string; text: string }[]> {
  const { prisma } = world.deps
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT table_name::text AS name FROM information_schema.tables
     WHERE table_schema = 'public' ORDER BY table_name`
  const texts = tables.map(async ({ name }) => {
    const rows = await prisma.$queryRawUnsafe<{ text: string }[]>(
      `SELECT row_to_json(t)::text AS text FROM "${name}" t`,
    )
    return { table: name, text: rows.map(({ text }) => text).join('\n') }
  })
  return Promise.all(texts)
}

const answers: string[] = []

/** A request whose whole answer, headers included, is kept to be searched. */
async function send(headers: Record<string, string>, body: string): Promise<number> {
  const response = await world.app.fetch(
    new Request('http://latchkey.test/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    }),
    { address: '192.0.2.7' },
  )
  answers.push(JSON.stringify([...response.headers]) + (await response.text()))
  return response.status
}

const viewer = JSON.stringify({ query: '{ viewer { kind } }' })

/** Everything that a client may do wrong with a secret in its hands. */
async function mishandle(secret: string, good: string): Promise<void> {
  const wrongHeaders: Record<string, string>[] = [
    { authorization: secret },
    { authorization: `Basic ${secret}` },
    { authorization: `Bearer ${secret}x` },
    { authorization: `Bearer ${secret.slice(0, -1)}` },
    { authorization: `Bearer ${secret} ${secret}` },
    { 'x-api-key': `Bearer ${secret}` },
    { 'x-api-key': `${secret}, ${secret}` },
    { authorization: `Bearer ${good}`, 'x-api-key': secret },
    { authorization: `Bearer ${good}`, 'x-workspace-id': secret },
    { 'x-api-key-typo': secret },
    { 'x-api-key': secret },
  ]
  for (const headers of wrongHeaders) await send(headers, viewer)

  const asOwner = { authorization: `Bearer ${good}` }
  const inId = 'query ($id: ID!) { apiKey(id: $id) { id } agent(id: $id) { id } }'
  const create =
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { errors { code message path } } }'
  const rotate =
    'mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { errors { code message path } } }'
  const list = 'query ($after: String) { apiKeys(after: $after) { nodes { id } } }'
  const bodies: { query: string; variables?: object; operationName?: string }[] = [
    { query: inId, variables: { id: secret } },
    { query: rotate, variables: { input: { id: secret } } },
    { query: rotate, variables: { input: { id: 'key_x', overlapSeconds: secret } } },
    { query: rotate, variables: { input: { id: 'key_x', [secret]: 1 } } },
    { query: rotate, variables: { input: secret } },
    { query: create, variables: { input: { name: 'wrong', permissions: [secret] } } },
    { query: create, variables: { input: { name: 'wrong', scopeIds: [secret] } } },
    { query: create, variables: { input: { name: 'wrong', ownerId: secret } } },
    { query: create, variables: { input: { name: 'wrong', spaces: [{ spaceId: secret }] } } },
    { query: create, variables: { input: { name: 'wrong', allowedIps: [secret] } } },
    { query: create, variables: { input: { name: 'wrong', expiresAt: secret } } },
    { query: create, variables: { input: { name: 'wrong', allSpaces: secret } } },
    { query: list, variables: { after: secret } },
    {
      query: `query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id } } }`,
      variables: { filter: { permission: secret } },
    },
    { query: '{ viewer { kind } }', operationName: secret },
  ]
  for (const body of bodies) await send(asOwner, JSON.stringify(body))
  await send(asOwner, secret)
  await send(asOwner, `{"query": ${secret}}`)
  await send(asOwner, JSON.stringify(secret))
}

// Whoever gets hold of the database, a backup, the log or an error report gets no key with it.
test('no secret is anywhere but in the answer that gave it', async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const created = await make.key({ name: 'story', permissions: ['keys:read', 'keys:update'] })
  const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id: created.id,
    retirePreviousOnFirstUse: true,
  })
  await world.gql(created.secret, '{ viewer { kind } }')
  await world.gql(rotated.secret, '{ viewer { kind } }')
  const transferred = await done(world, workspace.secret, 'transferApiKey', 'secret', {
    id: created.id,
    ownerId: robot.userId,
  })
  await world.gql(transferred.secret, '{ viewer { kind } }')
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: created.id,
    name: 'retold',
    description: 'a key with a story',
  })
  const stranger = createApiKeySecret('lk')
  const minted = await done(world, transferred.secret, 'createAccessToken', 'token', {})
  const successor = await done(world, minted.token, 'rotateAccessToken', 'token', {})
  await world.gql(successor.token, '{ viewer { kind } }')
  const secrets = [workspace.secret, created.secret, rotated.secret, transferred.secret, stranger]
  secrets.push(minted.token, successor.token)
  for (const secret of secrets) await mishandle(secret, workspace.secret)
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: created.id })
  for (const secret of secrets) await send({ authorization: `Bearer ${secret}` }, viewer)
  await world.deps.usage.flush()

  const tables = await dump()
  expect(tables.map(({ table }) => table)).toContain('ApiKeySecret')
  const everywhere = [...tables.map(({ text }) => text), ...world.logs, ...answers].join('\n')
  const elsewhere = tables.filter(({ table }) => table !== 'ApiKeySecret')
  const withoutHash = [...elsewhere.map(({ text }) => text), ...world.logs, ...answers].join('\n')
  for (const secret of secrets) {
    expect(findings(everywhere, needlesOf(secret))).toEqual([])
    expect(findings(withoutHash, formsOf(hashSecret(secret)))).toEqual([])
  }
  // The search finds what is there.
  const [own] = formsOf(hashSecret(workspace.secret))
  expect(findings(everywhere, [String(own)])).toHaveLength(1)
  expect(answers.length).toBeGreaterThan(100)
})

// A field that yields a secret would show it again, to whoever may read the type.
test('no type but the payloads that give a key or token has a field for one', () => {
  const found: string[] = []
  const suspicious = /secret|hash|token$|plain|password/i
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !(isObjectType(type) || isInterfaceType(type))) continue
    for (const field of Object.values(type.getFields())) {
      const leaf: GraphQLNamedOutputType = getNamedType(field.type)
      if (isLeafType(leaf) && suspicious.test(field.name))
        found.push(`${type.name}.${field.name}: ${leaf.name}`)
    }
  }
  expect(found.sort()).toEqual([
    'ApiKey.previousSecretExpiresAt: DateTime',
    // Of the audit chain, by a key of the server.
    'AuditEvent.hash: String',
    'AuditEvent.previousHash: String',
    'AuditIntegrity.headHash: String',
    'CreateAccessTokenPayload.token: String',
    'CreateApiKeyPayload.secret: String',
    'CreateWebhookEndpointPayload.signingSecret: String',
    'MigrateLegacyKeyPayload.secret: String',
    'RotateAccessTokenPayload.token: String',
    'RotateApiKeyPayload.secret: String',
    'TransferApiKeyPayload.secret: String',
  ])
})
