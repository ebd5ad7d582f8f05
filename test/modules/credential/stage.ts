import { addHuman } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { gone, grantable, owners } from './generated.ts'

/** The longest that keys live on a stage. */
export const maxKeyLifetimeDays = 30

/** A workspace in which generated credentials live. */
export interface Stage {
  readonly workspace: TestWorkspace
  /** By name; an agent in each that is there. */
  readonly spaces: Readonly<Record<string, string>>
  readonly agents: Readonly<Record<string, string>>
  /** User ids by name. */
  readonly owners: Readonly<Record<string, string>>
  readonly scopeIds: readonly string[]
}

/** Members of every role, some of them admitted to a restricted space; spaces of every kind. */
export async function createStage(world: World): Promise<Stage> {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces: Record<string, string> = { nonsense: 'spc_nonsense' }
  const agents: Record<string, string> = {}
  for (const name of [...grantable, 'deleted']) {
    const visibility = name === 'open' || name === 'another' ? 'OPEN' : 'RESTRICTED'
    const id = await make.space({ name, visibility })
    spaces[name] = id
    // One whose only space is deleted stays within reach of who has all spaces.
    if (name !== 'deleted') agents[name] = await make.agent({ name, spaceIds: [id] })
  }
  const members: Record<string, string> = {}
  for (const owner of [...owners, ...gone]) {
    const role = owner.match(/[A-Z]+/)?.[0] ?? ''
    const robot = () => make.machine({ name: owner, role })
    const human = async () => {
      const { memberId: id, userId } = await addHuman(world, workspace, role)
      return { id, userId }
    }
    const { id: memberId, userId } = await (owner.endsWith('robot') ? robot() : human())
    const admitted = { spaceId: spaces.restricted, memberId }
    if (!/OWNER|ADMIN/.test(owner))
      await done(world, workspace.secret, 'addSpaceMember', 'space { id }', admitted)
    const removed = { id: memberId }
    if (owner.startsWith('gone'))
      await done(world, workspace.secret, 'removeMember', 'member { id }', removed)
    members[owner] = userId
  }
  const scopeIds = [
    await make.scope({ name: 'all', permissions: ['*:read', 'agents:*'] }),
    await make.scope({ name: 'few', permissions: ['keys:read', 'scopes:read'] }),
    await make.scope({ name: 'none', permissions: [] }),
  ]
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaces.deleted })
  const policy = { maxKeyLifetimeDays }
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', policy)
  return { workspace, spaces, agents, owners: members, scopeIds }
}
