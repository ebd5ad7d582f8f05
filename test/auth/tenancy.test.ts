import { type GraphQLInputType, getNamedType, isInputObjectType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { schema } from '../../src/schema/schema.ts'
import { createWorld, type World } from '../setup/world.ts'
import { type Furnished, furnish } from './furnish.ts'
import { idPlaces } from './id-places.ts'

let world: World
let mine: Furnished
let theirs: Furnished
let tables: readonly string[] | undefined

beforeAll(async () => {
  world = await createWorld()
  mine = await furnish(world)
  theirs = await furnish(world)
})
afterAll(() => world.close())

const prefixes = {
  space: 'spc',
  agent: 'agt',
  session: 'ses',
  run: 'run',
  document: 'doc',
  key: 'key',
  token: 'tok',
  scope: 'scp',
  member: 'mem',
  user: 'usr',
  endpoint: 'whk',
  delivery: 'whd',
} as const
type Kind = keyof typeof prefixes
const kinds = Object.keys(prefixes) as Kind[]

/** Ids that name nothing for the caller, whatever they name elsewhere. */
function idsOfNothing(
  kind: Kind,
  isLimited: boolean,
  takesAnyKind: boolean,
): Record<string, unknown> {
  const own = mine.own[kind]
  const [hidden, begunHidden] = isLimited ? [mine.hidden[kind], mine.begunHidden[kind]] : []
  return {
    'an id that never was': newId(prefixes[kind]),
    "another workspace's": theirs.own[kind],
    ...(hidden && { 'out of reach': hidden }),
    ...(begunHidden && { 'begun out of reach': begunHidden }),
    ...Object.fromEntries(
      kinds
        .filter((it) => it !== kind && (!takesAnyKind || ['user', 'delivery'].includes(it)))
        .map((it) => [`its own ${it}`, mine.own[it]]),
    ),
    'a workspace': takesAnyKind ? theirs.id : mine.id,
    'in another case': own.toUpperCase(),
    'with a space behind': `${own} `,
    'with a NUL behind': `${own}\0`,
    'cut short': own.slice(0, -1),
    'of another time': `${prefixes[kind]}_${own.slice(-26).replace(/./, 'z')}`,
    'a lone surrogate': '\ud800',
    'a surrogate inside': `${own.slice(0, 10)}\udc00${own.slice(11)}`,
    NUL: '\0',
    'no text at all': '',
    'a number': 42,
    SQL: `' OR ''='`,
    'a wildcard': '%',
    'very long': 'x'.repeat(10_000),
  }
}

/** Every table whose rows are a workspace's, less those that being used changes. */
const tablesOf = async (): Promise<string[]> => {
  const rows = await world.deps.prisma.$queryRaw<{ name: string }[]>`
    SELECT table_name::text AS name FROM information_schema.columns
      JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'workspaceId'
       AND table_name NOT LIKE '%Usage' ORDER BY name`
  return rows.map(({ name }) => name)
}

/** What is stored in both workspaces, as text. */
async function contents(): Promise<readonly string[]> {
  tables ??= await tablesOf()
  const each = tables.map(
    (name) => `SELECT '${name}' || t::text AS row FROM "${name}" t WHERE "workspaceId" IN ($1, $2)`,
  )
  const all = `SELECT w::text AS row FROM "Workspace" w UNION ALL ${each.join(' UNION ALL ')}`
  const rows = await world.deps.prisma.$queryRawUnsafe<{ row: string }[]>(all, mine.id, theirs.id)
  // In no order of the database's, which depends on the plan.
  return rows.map(({ row }) => row).toSorted()
}

// Invisible is absent: whatever an id names that is not the caller's to see, the answer is that of
// an id that never was, byte for byte, and nothing is changed on either side.
const callers = ['a key for all spaces', 'a key for one space', 'a token for one space']
const inPlaceOf = callers.flatMap((who) => kinds.map((kind) => [who, kind] as const))

test.each(inPlaceOf)(
  'by %s, no id in place of that of a %s tells of what it names',
  async (who, kind) => {
    const isToken = who.startsWith('a token')
    const limited = isToken ? mine.limitedToken : mine.limited
    const isLimited = !who.endsWith('all spaces')
    const secret = isLimited ? limited : mine.secret
    // A token mints none and imports none, whatever it names; the audit log asks for all spaces.
    const isTried = (name: string): boolean =>
      !(isToken && /^(createAccessToken|importLegacyKeys)\b/.test(name)) &&
      !(isLimited && name.startsWith('auditEvents'))
    const places = idPlaces(mine.own, secret).filter(
      (place) => place.kind === kind && isTried(place.name),
    )
    expect(places).not.toEqual([])
    const before = await contents()
    expect(before.length).toBeGreaterThan(40)
    for (const { name, query, nothing, errors: expected = [], takesAnyKind = false } of places) {
      const ids = idsOfNothing(kind, isLimited, takesAnyKind)
      const asked = Object.entries(ids).map(async ([what, id]) => {
        const { status, data, errors } = await world.gql(secret, query, { id })
        expect({ status, data, errors }, `${name}: ${what}`).toEqual({
          status: 200,
          data: { it: nothing },
          errors: expected,
        })
        const text = JSON.stringify([data, errors.map(({ message }) => message)])
        return [what, text.replaceAll(JSON.stringify(id).slice(1, -1) || '\0', '')] as const
      })
      // At once, for a rotation waits for others that might come.
      const answers = await Promise.all(asked)
      const [[, first] = ['', '']] = answers
      for (const [what, answer] of answers) expect(answer, `${name}: ${what}`).toBe(first)
    }
    expect(await contents()).toEqual(before)
  },
)

// A place that is added later must be tried here as well.
test('every argument and input field for ids is among the places', () => {
  const queries = idPlaces(mine.own, mine.secret).map(({ query }) => query)
  const isId = (type: GraphQLInputType): boolean => getNamedType(type).name === 'ID'
  const fieldsOf = (type: GraphQLInputType): string[] => {
    const named = getNamedType(type)
    if (!isInputObjectType(named)) return []
    return Object.values(named.getFields()).flatMap((field) => [
      ...(isId(field.type) ? [field.name] : []),
      ...fieldsOf(field.type),
    ])
  }
  for (const root of [schema.getQueryType(), schema.getMutationType()])
    for (const { name, args } of Object.values(root?.getFields() ?? {}))
      for (const arg of args)
        for (const id of isId(arg.type) ? [arg.name] : fieldsOf(arg.type)) {
          const tried = new RegExp(`: ${name}\\(.*\\b${id}: (\\$id|\\[.*\\$id\\])`)
          expect(
            queries.some((query) => tried.test(query)),
            `${name} ${id}`,
          ).toBe(true)
        }
})

const everything = `{
  viewer { user { id } apiKey { id } }
  workspaces { nodes { id } }
  spaces(first: 10) { nodes { id agents { nodes { id } } members { nodes { id user { id } } } apiKeys { nodes { id } } } }
  agents { nodes { id spaceIds spaces { id } createdBy { id } sessions(first: 3) { nodes { id } } } }
  sessions(first: 3) { nodes { id agent { id } createdBy { id } runs(first: 3) { nodes { id createdBy { id } session { id } } }
    documents { id createdBy { id } session { id } } } }
  members(first: 10) { nodes { id user { id } spaces { nodes { id } } apiKeys { nodes { id } } keyCount } }
  scopes { nodes { id keyCount apiKeys { nodes { id } } } }
  apiKeys(first: 10) { nodes { id owner { id } createdBy { id } createdByKeyId scopes { id } spaces { spaceId space { id } }
    accessTokens { nodes { id } } } }
  accessTokens { nodes { id apiKey { id } spaceIds spaces { id } } }
  webhookEndpoints { id deliveries { nodes { id } } }
}`

// Lists and relations stay inside the workspace, from end to end, with the same names in both.
test('two workspaces share no id, and their answers have the same shape', async () => {
  const shapes: string[] = []
  const found: Set<string>[] = []
  for (const { secret } of [mine, theirs]) {
    const { data, errors } = await world.gql(secret, everything)
    expect(errors).toEqual([])
    const text = JSON.stringify(data)
    shapes.push(text.replaceAll(/"[a-z]{3}_[0-9a-z]{26}"/g, 'id'))
    found.push(new Set(text.match(/[a-z]{3}_[0-9a-z]{26}/g)))
  }
  const [a = new Set<string>(), b = new Set<string>()] = found
  expect(a.size).toBeGreaterThan(10)
  expect([...a].filter((id) => b.has(id))).toEqual([])
  expect(shapes[0]).toBe(shapes[1])
})

// Naming a workspace that is not the key's own is the same as naming one that is not there.
test('X-Workspace-Id of another workspace is that of none: 404', async () => {
  const ask = async (name: string) => {
    const headers = { 'x-workspace-id': name }
    const { status, data, errors } = await world.gql(
      mine.secret,
      '{ workspace { id } }',
      {},
      { headers },
    )
    const [error] = errors
    return {
      status,
      data,
      errors: errors.length,
      message: error?.message,
      extensions: { ...error?.extensions, requestId: '' },
    }
  }
  const never = await ask(newId('wsp'))
  expect(never).toMatchObject({
    status: 404,
    errors: 1,
    extensions: { code: 'WORKSPACE_NOT_FOUND' },
  })
  for (const name of [
    theirs.id,
    theirs.slug,
    mine.slug.toUpperCase(),
    mine.id.toUpperCase(),
    'x',
    '%',
    "'",
    mine.own.space,
  ])
    expect(await ask(name), name).toEqual(never)
  for (const name of [mine.id, mine.slug, ''])
    expect(await ask(name), name).toMatchObject({
      status: 200,
      errors: 0,
      data: { workspace: { id: mine.id } },
    })
})
