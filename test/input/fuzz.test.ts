import { isEnumType } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { everyPlace, type Place, seedRows } from './every-input.ts'
import { expectSafe, storesNothing } from './nothing-stored.ts'

let places: readonly Place[]

useWorkspace()
beforeAll(async () => {
  places = [...everyPlace(await seedRows(world, workspace))]
})

/** Text that has broken parsers, databases, terminals or templates somewhere. */
const hostile: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b\ufeff',
  '\uffff',
  'e\u0301'.repeat(40),
  '😀'.repeat(60),
  '\r\n\t\u001b[31m',
  "' OR 1=1 --",
  '"; DROP TABLE "Workspace"; --',
  '$1 :x %s {{x}} <script>',
  '%_\\',
  '../../../etc/passwd',
  '{"$ne":null}',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'NaN',
  '-1',
  '1e309',
  '0x7fffffff',
  '99999999999999999999',
  '\\u0000',
  '9999-12-31T23:59:60Z',
  '::ffff:0:0/96',
  'x'.repeat(100_000),
]

/** A value that fits nowhere would be the schema's own to refuse. */
const fits = ({ type }: Place, value: string): boolean => !isEnumType(type) || value.length < 10

/** What only an error of the program, the driver or the library that reads inputs would say. */
const leaks =
  /\bat \S+ \(|node_modules|file:\/\/|\/src\/|prisma|pglite|invalid byte sequence|relation "|invalid (input|option|string)|expected \w+, received|too (big|small):/i

const send = (place: Place, value: string): Promise<boolean> =>
  ask(place.operation([value]), `${place.at} ${JSON.stringify(value).slice(0, 120)}`)

/** Whether the operation is refused, which must be in words of our own. */
async function ask(
  { query, variables }: ReturnType<Place['operation']>,
  what: string,
): Promise<boolean> {
  const answer = await world.gql(workspace.secret, query, variables)
  expectSafe(answer)
  expect(
    answer.errors.map(({ extensions }) => extensions.code),
    what,
  ).not.toContain('SERVICE_UNAVAILABLE')
  const errors: readonly { message: string }[] = answer.data?.v0?.errors ?? []
  for (const { message } of errors) expect(message, what).not.toMatch(leaks)
  return answer.errors.length > 0 || errors.length > 0
}

test('hostile text in any argument of a query is data, or a mistake of its own', async () => {
  let sent = 0
  await storesNothing(world, async () => {
    for (const value of hostile)
      for (const place of places.filter(({ root }) => root === 'query')) {
        if (!fits(place, value)) continue
        await send(place, value)
        sent++
      }
  })
  expect(sent).toBeGreaterThan(1_000)
})

test('hostile text in any field of a mutation is stored as it is or refused, never a fault', async () => {
  let refused = 0
  let accepted = 0
  const mutations = places.filter(({ root }) => root === 'mutation')
  for (const [turn, value] of hostile.entries())
    for (const [index, place] of mutations.entries()) {
      // Every place sees a third of the values, and every value a third of the places.
      if ((turn + index) % 3 !== 0 || !fits(place, value)) continue
      if (await send(place, value)) refused++
      else accepted++
    }
  expect(refused).toBeGreaterThan(300)
  expect(accepted).toBeGreaterThan(50)
  // Whatever was accepted can be read again, all of it.
  for (const list of ['spaces', 'scopes', 'agents', 'apiKeys', 'members']) {
    const name = list === 'members' ? 'user { name }' : 'name description'
    const query = `{ it: ${list}(first: 100) { nodes { id ${name} } } }`
    const { data, errors } = await world.gql(workspace.secret, query)
    expect(errors, list).toEqual([])
    expect(data.it.nodes.length, list).toBeGreaterThan(0)
  }
})

test('null in any field of a mutation clears it or is refused, never a fault', async () => {
  const fields = new Map(
    places
      .filter(({ root }) => root === 'mutation')
      .map((place) => [/^\w+\.input\.\w+/.exec(place.at)?.[0] ?? place.at, place]),
  )
  let refused = 0
  for (const [at, place] of fields) {
    const { query, variables } = place.operation(['x'])
    const input = { ...(variables.v0 as object), [at.replace(/.*\./, '')]: null }
    if (await ask({ query, variables: { v0: input } }, `${at} null`)) refused++
  }
  expect(refused).toBeGreaterThan(20)
})

test('nothing unexpected was logged meanwhile', () => {
  const failures = world.logs.filter((line) => JSON.parse(line).level >= 50)
  expect(failures).toEqual([])
})
