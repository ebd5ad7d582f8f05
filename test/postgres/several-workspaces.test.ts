import { expect, test } from 'vitest'
import { revokeUserLevelKey } from '../../src/modules/legacy-import/revoke-everywhere.ts'
import { importUserLevelKey } from '../modules/legacy/user-level.ts'
import { addHuman } from '../setup/human.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'

useWorld()

/** A person's key that lives in two workspaces, in the order of their locks. */
async function keyInTwo() {
  const made = [await world.createWorkspace(), await world.createWorkspace()]
  const [first, second] = made.sort((a, b) => (a.id < b.id ? -1 : 1)) as [
    TestWorkspace,
    TestWorkspace,
  ]
  const person = await addHuman(world, first, 'MEMBER')
  await world.deps.prisma.member.create({
    data: {
      workspaceId: second.id,
      id: person.memberId,
      userId: person.userId,
      role: 'MEMBER',
      name: 'Both',
      createdAt: new Date(),
    },
  })
  return { first, second, key: await importUserLevelKey(world, person.userId) }
}

let count = 0
const change = ({ secret }: TestWorkspace) =>
  world.gql(secret, `mutation { createSpace(input: { name: "s${++count}" }) { space { id } } }`)

// A member must not be able to hold up one tenant by what another one waits for.
test.each(['by another server', 'in this one'])(
  'a change of several workspaces, one of them locked %s, gives up and lets the others go on',
  async (where) => {
    const { first, second, key } = await keyInTwo()
    const { prisma } = world.deps
    const [waited, changed, revoked, busy] = await prisma.$transaction(
      async (db) => {
        await db.$queryRaw`SELECT 1 FROM "Workspace" WHERE id = ${second.id} FOR UPDATE`
        // The one that is first in its line waits for the lock, and keeps the line from the others.
        const busy = where === 'in this one' ? change(second) : undefined
        if (busy) await change(first)
        const revoking = revokeUserLevelKey(world.deps, key.id).catch(({ code }) => code)
        const since = performance.now()
        const { data } = await change(first)
        return [performance.now() - since, data?.createSpace, await revoking, busy] as const
      },
      { timeout: 15_000 },
    )
    expect(changed?.space).toBeTruthy()
    expect(waited).toBeLessThan(5_000)
    expect(revoked).toBe('SERVICE_UNAVAILABLE')
    if (busy) expect((await busy).data.createSpace.space).toBeTruthy()
  },
)
