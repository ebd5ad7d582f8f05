import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

// A status that says "try again" or "who are you" beside a secret would lose it, or make a second key.
test('an operation that did a part answers 200, whatever became of the rest', async () => {
  const key = await seed(world, workspace.secret).key({
    name: 'part',
    permissions: ['keys:create', 'keys:read'],
  })
  const answer = await world.gql(
    key.secret,
    `mutation ($id: ID!) {
      a: createApiKey(input: { name: "a" }) { secret errors { code } }
      b: revokeApiKey(input: { id: $id }) { revokedCount }
      c: createApiKey(input: { name: "c" }) { secret }
    }`,
    { id: key.id },
  )
  expect(answer.status).toBe(200)
  expect(answer.data.a.secret).toMatch(/^lk_/)
  expect(answer.data.b.revokedCount).toBe(1)
  expect(answer.data.c).toBeNull()
  expect(answer.errors.map(({ extensions }) => extensions.reason)).toEqual(['REVOKED'])
})

test('no answer may be stored by a cache', async () => {
  for (const query of ['{ viewer { role } }', '{ nope }']) {
    const { headers } = await world.gql(workspace.secret, query)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
  const refused = await world.gql('lk_x', '{ viewer { role } }')
  expect(refused.headers.get('cache-control')).toBe('no-store')
})

test('a document is refused by its size before it is parsed', async () => {
  const long = `{ ${'viewer { role } '.repeat(1_100)} }`
  const tooLong = await world.gql(workspace.secret, long)
  expect(tooLong.errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')
  const tooManyTokens = await world.gql(workspace.secret, `{ ${'__typename '.repeat(1_000)} }`)
  expect(tooManyTokens.errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')
  const most = await world.gql(workspace.secret, `{ ${'nothing '.repeat(998)} }`)
  expect(most.errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
  const deep = await world.gql(workspace.secret, '{'.repeat(16_000))
  expect(deep.errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')
})

test('an error of a variable names the variable, and one of syntax its place', async () => {
  const variable = await world.gql(
    workspace.secret,
    'query ($first: Int) { spaces(first: $first) { nodes { id } } }',
    { first: 'x' },
  )
  expect(variable.errors[0]?.message).toContain('$first')
  const syntax = await world.gql(workspace.secret, '{ viewer { ')
  expect(syntax.errors[0]).toHaveProperty('locations')
})

test('no address is taken for a health check because of its end', async () => {
  const request = new Request('http://latchkey.test/graphql?/health')
  expect((await world.app.fetch(request)).status).not.toBe(200)
})
