import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTurn } from '../../../src/db/turns.ts'
import { addHuman, type Human, humanKey } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { attempt, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'

let world: World
let workspace: TestWorkspace
let space: string

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  space = await seed(world, workspace.secret).space({ name: 'space' })
})
afterAll(() => world.close())

/** Somebody with a key that may import and migrate, limited to the space. */
interface Migrator {
  readonly human: Human
  readonly key: { readonly id: string; readonly secret: string }
  /** When the key does, and so does all that is made with it; null: not by itself. */
  readonly expiresAt: Date | null
}

async function migrator(expiresAt: Date | null): Promise<Migrator> {
  const human = await addHuman(world, workspace, 'ADMIN')
  const key = await humanKey(world, workspace, human, {
    permissions: ['keys:*', 'spaces:read', 'agents:*'],
    grants: [{ spaceId: space, narrowed: false, permissions: [] }],
    expiresAt,
  })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  return { human, key, expiresAt }
}

const change = (mutation: string, input: object): Promise<unknown> =>
  done(world, workspace.secret, mutation, '', { ...input })

const expiry = 'has their key expire'

/** What happens to the caller while their request waits, and how it is refused then. */
const ends: Readonly<
  Record<string, readonly [happens: (it: Migrator) => Promise<unknown>, refusal: readonly string[]]>
> = {
  'is demoted': [
    ({ human }) => change('updateMember', { id: human.memberId, role: 'MEMBER' }),
    ['NOT_FOUND', 'PERMISSION_NOT_GRANTABLE', 'SPACE_NOT_GRANTABLE'],
  ],
  'is removed': [({ human }) => change('removeMember', { id: human.memberId }), ['OWNER_REMOVED']],
  'has their key narrowed': [
    ({ key }) => change('updateApiKey', { id: key.id, permissions: ['keys:read'] }),
    ['FORBIDDEN'],
  ],
  'has their key taken out of the space': [
    ({ key }) => change('updateApiKey', { id: key.id, spaces: [] }),
    ['NOT_FOUND'],
  ],
  'has their key disabled': [({ key }) => change('disableApiKey', { id: key.id }), ['DISABLED']],
  'has their key revoked': [({ key }) => change('revokeApiKey', { id: key.id }), ['REVOKED']],
  [expiry]: [({ expiresAt }) => sleep((expiresAt?.getTime() ?? 0) - Date.now() + 20), ['EXPIRED']],
}

/** What is asked for, and of which key, the caller's own in the space. Gives the errors. */
const requests = {
  importLegacyKeys: ({ human, key }: Migrator) => {
    const terms = { permissions: ['agents:run', 'agents:read'], spaceIds: [space] }
    const input = { keys: [legacyKey(human.userId, terms)] }
    const selection = 'results { errors { code } }'
    return async (): Promise<string[]> => {
      const { codes, payload } = await attempt(
        world,
        key.secret,
        'importLegacyKeys',
        input,
        selection,
      )
      const [result = { errors: [] }] = payload?.results ?? []
      return [...codes, ...result.errors.map((error: { code: string }) => error.code)]
    }
  },
  migrateLegacyKey: async ({ human, key, expiresAt }: Migrator) => {
    const terms = { permissions: ['agents:run', 'agents:read'], spaceIds: [space] }
    const all = await humanKey(world, workspace, human, { permissions: ['*'], allSpaces: true })
    const old = await importOne(world, all.secret, legacyKey(human.userId, terms))
    const input = { id: old.id, ...(expiresAt && { expiresAt, overlapSeconds: 0 }) }
    return async (): Promise<string[]> =>
      (await attempt(world, key.secret, 'migrateLegacyKey', input, 'secret')).codes
  },
}

const secrets = () => world.deps.prisma.apiKeySecret.count()

/** Lets the request wait for its turn behind what happens; gives its errors, and how much it made. */
async function waitingBehind(
  request: keyof typeof requests,
  it: Migrator,
  happens: () => Promise<unknown>,
): Promise<{ codes: string[]; made: number }> {
  const ask = await requests[request](it)
  const before = await secrets()
  const isAsked = Promise.withResolvers<void>()
  const line = inTurn(world.deps.prisma, workspace.id, () => isAsked.promise)
  const happening = happens()
  await sleep(150)
  const asked = ask()
  await (it.expiresAt === null ? sleep(150) : happening)
  isAsked.resolve()
  await Promise.all([line, happening])
  return { codes: await asked, made: (await secrets()) - before }
}

const names = ['importLegacyKeys', 'migrateLegacyKey'] as const

// A request is authenticated, waits for its turn, and meanwhile its caller is somebody else. Who has an
// end imports nothing anyway.
test.each(
  names
    .flatMap((request) => Object.entries(ends).map((end) => [request, ...end] as const))
    .filter(([request, end]) => !(request === 'importLegacyKeys' && end === expiry)),
)(
  '%s makes nothing for a caller who %s while it waits for its turn',
  async (request, end, [happens, refusal]) => {
    const it = await migrator(end === expiry ? new Date(Date.now() + 4_000) : null)
    const { codes, made } = await waitingBehind(request, it, () => happens(it))
    expect(refusal).toContain(codes[0])
    expect(made).toBe(0)
  },
)

test.each(names)('%s is done for a caller who is who they were', async (request) => {
  const it = await migrator(null)
  const nothing = () => change('createScope', { name: request })
  expect(await waitingBehind(request, it, nothing)).toEqual({ codes: [], made: 1 })
})
