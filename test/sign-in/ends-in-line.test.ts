import { afterAll, beforeAll, expect, test } from 'vitest'
import { mint, rewrite } from '../modules/access-token/ask.ts'
import { directly } from '../modules/api-key/ask.ts'
import { sentBefore } from '../setup/in-line.ts'
import { seed } from '../setup/seed.ts'
import { beforeSoon } from '../setup/soon.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

interface Ending {
  readonly secret: string
  readonly endsAt: Date
}

/** Sends a mutation with what ends soon: it is let in, and its turn comes once that has ended. */
const tooLate = (line: string, ending: (soon: Date) => Promise<Ending>, mutation: string) =>
  beforeSoon(async (soon) => {
    const { world } = signIn
    const { secret, endsAt } = await ending(soon)
    const query = `mutation { it: ${mutation} { errors { code } } }`
    const answer = await sentBefore(world.deps, line, endsAt, () => world.gql(secret, query))
    if (answer === undefined) return undefined
    const { status, data, errors } = answer
    return { status, data, reasons: errors.map(({ extensions }) => extensions.reason) }
  })

// Data beside the error tells that the request itself had been let in.
const expired = { status: 401, data: { it: null }, reasons: ['EXPIRED'] }
const createScope = (name: string): string => `createScope(input: { name: "${name}" })`

test('a token that ends before its turn changes nothing', async () => {
  const { world } = signIn
  const ending = async (endsAt: Date) => {
    const token = await mint(world, workspace.secret)
    await rewrite(world, workspace.id, [token], { expiresAt: endsAt })
    return { secret: token.token, endsAt }
  }
  expect(await tooLate(workspace.id, ending, createScope('token'))).toEqual(expired)
})

test('nor does a key', async () => {
  const { world } = signIn
  const ending = async (endsAt: Date) => {
    const name = `ends ${endsAt.toISOString()}`
    const key = await seed(world, workspace.secret).key({ name, permissions: ['scopes:*'] })
    await directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id: key.id }, data: { expiresAt: endsAt } }),
    )
    return { secret: key.secret, endsAt }
  }
  expect(await tooLate(workspace.id, ending, createScope('key'))).toEqual(expired)
})

test('nor a person whose sign-in ends, in a workspace or to make one', async () => {
  const { world, invite, person } = signIn
  await invite(workspace, 'brief', 'ADMIN')
  expect(await whoIs(world, await person('brief'))).toMatchObject({ role: 'ADMIN' })
  const { userId } = await world.deps.prisma.identity.findFirstOrThrow({
    where: { subject: 'brief' },
  })
  const ending = async (soon: Date) => {
    // A JWT ends with a whole second, and 30 s of leeway.
    const end = Math.ceil(soon.getTime() / 1_000)
    return { secret: await person('brief', { exp: end - 30 }), endsAt: new Date(end * 1_000) }
  }
  const creating = 'createWorkspace(input: { name: "Late", slug: "late" })'
  expect(await tooLate(workspace.id, ending, createScope('person'))).toEqual(expired)
  expect(await tooLate(userId, ending, creating)).toEqual(expired)
  expect(await world.deps.prisma.workspace.count({ where: { slug: 'late' } })).toBe(0)
})
