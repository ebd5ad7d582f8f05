import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { verdict } from '../modules/api-key/ask.ts'
import { importOne, legacyKey, legacySecret } from '../modules/legacy/ask.ts'
import { keyMadeElsewhere, serverElsewhere } from '../setup/key-made-elsewhere.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

const limit = 60

let world: World
let workspace: TestWorkspace
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

let count = 0
/** One that nothing has come from. */
const newAddress = (): string => `192.0.2.${++count}`

const tried = (secret: string, address: string): Promise<string> =>
  verdict(world, secret, { address })

const times = <T>(many: number, work: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: many }, (_, at) => work(at)))

/** What was asked of the database meanwhile. */
async function lookedUp(work: () => Promise<unknown>): Promise<string[]> {
  const from = statements.sent.length
  await work()
  return statements.sent.slice(from).filter((text) => text.trimStart().startsWith('SELECT'))
}

// Behind one address many work: the typing errors of one must not lock out the keys of the others.
test('a key that is new to this server is let in from an address with too many failures', async () => {
  const address = newAddress()
  const secrets = [
    await keyMadeElsewhere(world, workspace),
    await keyMadeElsewhere(world, workspace),
    await keyMadeElsewhere(world, workspace),
  ]
  for (let time = 0; time < limit; time++)
    expect(await tried('typed wrongly', address)).toBe('401 MALFORMED')
  for (const secret of secrets) expect(await tried(secret, address)).toBe('ACCEPTED')
  for (const secret of secrets) expect(await tried(secret, address)).toBe('ACCEPTED')
})

// A client that has not heard of the end of its key asks with it all day.
test('an unknown secret that is sent again and again takes no look-up from others', async () => {
  const address = newAddress()
  const secret = await keyMadeElsewhere(world, workspace)
  const stale = createApiKeySecret('lk')
  for (let time = 0; time < limit; time++) expect(await tried(stale, address)).toBe('401 UNKNOWN')
  const again = async (): Promise<void> => {
    for (let time = 0; time < 50; time++)
      expect(await tried(stale, address)).toBe('429 RATE_LIMITED')
  }
  expect(await lookedUp(again)).toEqual([])
  expect(await tried(secret, address)).toBe('ACCEPTED')
})

// A checksum is no proof: anybody can make one.
test('a flood of well-formed secrets: an address with too many failures has 5 looked up a second', async () => {
  const address = newAddress()
  for (let time = 0; time < limit; time++)
    expect(await tried(createApiKeySecret('lk'), address)).toBe('401 UNKNOWN')
  const start = performance.now()
  const flood = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      const guesses = Array.from({ length: 50 }, () => tried(createApiKeySecret('lk'), address))
      expect(new Set(await Promise.all(guesses))).toEqual(new Set(['429 RATE_LIMITED']))
    }
  }
  const { length } = await lookedUp(flood)
  const seconds = (performance.now() - start) / 1_000
  expect(length).toBeGreaterThanOrEqual(5)
  expect(length).toBeLessThanOrEqual(5 * (Math.floor(seconds) + 1))
})

test('a flood from many addresses with too many failures: they have 100 looked up a second in all', async () => {
  const addresses = Array.from({ length: 60 }, newAddress)
  for (const address of addresses) await times(limit, () => tried('typed wrongly', address))
  const start = performance.now()
  const flood = () =>
    times(5 * addresses.length, (at) =>
      tried(createApiKeySecret('lk'), addresses[at % addresses.length] ?? ''),
    )
  const { length } = await lookedUp(flood)
  const seconds = (performance.now() - start) / 1_000
  expect(length).toBeGreaterThanOrEqual(100)
  expect(length).toBeLessThanOrEqual(100 * (Math.floor(seconds) + 1))
})

// These have no checksum and may be short: what protects them is that few can be tried.
test('a legacy key that is new to this server is not looked up from such an address', async () => {
  const address = newAddress()
  const elsewhere = await serverElsewhere(world)
  const key = await importOne(elsewhere, workspace.secret, legacyKey(workspace.ownerId))
  const secret = legacySecret()
  for (let time = 0; time < limit; time++) expect(await tried(secret, address)).toBe('401 UNKNOWN')
  const more = async (): Promise<void> =>
    expect(await tried(key.secret, address)).toBe('429 RATE_LIMITED')
  expect(await lookedUp(more)).toEqual([])
  expect(await tried(key.secret, newAddress())).toBe('ACCEPTED')
  expect(await tried(key.secret, address)).toBe('ACCEPTED')
})
