import { beforeAll, expect, test } from 'vitest'
import { addHuman, type Human, humanKey } from '../../setup/human.ts'
import { holdLine, sentBefore } from '../../setup/in-line.ts'
import { done, seed } from '../../setup/seed.ts'
import { beforeSoon } from '../../setup/soon.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, directly, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'

let space: string

useWorkspace()
beforeAll(async () => {
  space = await seed(world, workspace.secret).space({ name: 'space' })
})

/** Somebody with a key that may import and migrate, limited to the space. */
interface Migrator {
  readonly human: Human
  readonly key: { readonly id: string; readonly secret: string }
}

async function migrator(): Promise<Migrator> {
  const human = await addHuman(world, workspace, 'ADMIN')
  const key = await humanKey(world, workspace, human, {
    permissions: ['keys:*', 'spaces:read', 'agents:*'],
    grants: [{ spaceId: space, narrowed: false, permissions: [] }],
    expiresAt: null,
  })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  return { human, key }
}

const change = (mutation: string, input: object): Promise<unknown> =>
  done(world, workspace.secret, mutation, '', { ...input })

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
  migrateLegacyKey: async ({ human, key }: Migrator) => {
    const terms = { permissions: ['agents:run', 'agents:read'], spaceIds: [space] }
    const all = await humanKey(world, workspace, human, { permissions: ['*'], allSpaces: true })
    const old = await importOne(world, all.secret, legacyKey(human.userId, terms))
    return async (more: object = {}): Promise<string[]> => {
      const input = { id: old.id, ...more }
      return (await attempt(world, key.secret, 'migrateLegacyKey', input, 'secret')).codes
    }
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
  const line = holdLine(world.deps, workspace.id)
  const happening = happens()
  await line.waiting(1)
  const asked = ask()
  await line.waiting(2)
  await line.open()
  await happening
  return { codes: await asked, made: (await secrets()) - before }
}

const names = ['importLegacyKeys', 'migrateLegacyKey'] as const

// A request is authenticated, waits for its turn, and meanwhile its caller is somebody else.
test.each(
  names.flatMap((request) => Object.entries(ends).map((end) => [request, ...end] as const)),
)(
  '%s makes nothing for a caller who %s while it waits for its turn',
  async (request, _end, [happens, refusal]) => {
    const it = await migrator()
    const { codes, made } = await waitingBehind(request, it, () => happens(it))
    expect(refusal).toContain(codes[0])
    expect(made).toBe(0)
  },
)

// Who has an end imports nothing anyway, and migrates to what ends with them.
test('migrateLegacyKey makes nothing for a caller whose key expires while it waits for its turn', async () => {
  const it = await migrator()
  const ask = await requests.migrateLegacyKey(it)
  const before = await secrets()
  const codes = await beforeSoon(async (expiresAt) => {
    await directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id: it.key.id }, data: { expiresAt } }),
    )
    return sentBefore(world.deps, workspace.id, expiresAt, () =>
      ask({ expiresAt, overlapSeconds: 0 }),
    )
  })
  expect(codes).toEqual(['EXPIRED'])
  expect(await secrets()).toBe(before)
})

test.each(names)('%s is done for a caller who is who they were', async (request) => {
  const it = await migrator()
  const nothing = () => change('createScope', { name: request })
  expect(await waitingBehind(request, it, nothing)).toEqual({ codes: [], made: 1 })
})
