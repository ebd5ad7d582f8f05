import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTurn } from '../../src/db/turns.ts'
import { inSeconds, mint, rewrite } from '../modules/access-token/ask.ts'
import { seed } from '../setup/seed.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

/** Sends a mutation that is let in, and whose turn comes only once the credential has ended. */
async function sentBefore(line: string, endsAt: Date, secret: string, mutation: string) {
  const { world } = signIn
  const gate = Promise.withResolvers<void>()
  const held = inTurn(world.deps.prisma, line, () => gate.promise)
  const answer = world.gql(secret, `mutation { it: ${mutation} { errors { code } } }`)
  await sleep(endsAt.getTime() - Date.now() + 100)
  gate.resolve()
  await held
  const { status, data, errors } = await answer
  return { status, data, reasons: errors.map(({ extensions }) => extensions.reason) }
}

// Data beside the error tells that the request itself had been let in.
const expired = { status: 401, data: { it: null }, reasons: ['EXPIRED'] }
const createScope = (name: string): string => `createScope(input: { name: "${name}" })`
const soon = (): Date => inSeconds(0.7)
/** A JWT ends with a whole second. */
const soonInSeconds = (): number => Math.ceil(Date.now() / 1_000) + 1

test('a token that ends before its turn changes nothing', async () => {
  const { world } = signIn
  const token = await mint(world, workspace.secret)
  const endsAt = soon()
  await rewrite(world, workspace.id, [token], { expiresAt: endsAt })
  expect(await sentBefore(workspace.id, endsAt, token.token, createScope('token'))).toEqual(expired)
})

test('nor does a key', async () => {
  const endsAt = soon()
  const { secret } = await seed(signIn.world, workspace.secret).key({
    name: 'ends',
    permissions: ['scopes:*'],
    expiresAt: endsAt.toISOString(),
  })
  expect(await sentBefore(workspace.id, endsAt, secret, createScope('key'))).toEqual(expired)
})

test('nor a person whose sign-in ends, in a workspace or to make one', async () => {
  const { world, invite, person } = signIn
  await invite(workspace, 'brief', 'ADMIN')
  expect(await whoIs(world, await person('brief'))).toMatchObject({ role: 'ADMIN' })
  const { userId } = await world.deps.prisma.identity.findFirstOrThrow({
    where: { subject: 'brief' },
  })
  const creating = 'createWorkspace(input: { name: "Late", slug: "late" })'
  for (const [line, mutation] of [
    [workspace.id, createScope('person')],
    [userId, creating],
  ] as const) {
    const exp = soonInSeconds()
    const token = await person('brief', { exp })
    expect(await sentBefore(line, new Date(exp * 1_000), token, mutation)).toEqual(expired)
  }
  expect(await world.deps.prisma.workspace.count({ where: { slug: 'late' } })).toBe(0)
})
