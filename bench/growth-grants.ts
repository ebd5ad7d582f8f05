import { compareSubjects, times } from './compare.ts'
import { insertAgents, insertKey, insertSpaces, type Workspace } from './fill.ts'
import type { Growth } from './growth.ts'
import { agentsPage, hasAgents } from './growth-agents.ts'
import { operation, type Request } from './request.ts'
import { subjectOf } from './subject.ts'

const grantCount = 1_000
const agentsPerSpace = 25

/** A workspace with a key that names many spaces. */
export interface ManyGrants {
  readonly keyOfOne: string
  readonly keyOfMany: string
  /** An agent in the space that both name. */
  readonly agentId: string
}

/** As many spaces as the key names, with agents in each of them. */
export async function fillGrants(workspace: Workspace): Promise<ManyGrants> {
  const spaceIds = await insertSpaces(workspace, grantCount)
  const agents = await insertAgents(
    workspace,
    Array.from({ length: grantCount * agentsPerSpace }, (_, index) =>
      spaceIds.slice(index % grantCount, (index % grantCount) + 1),
    ),
  )
  const permissions = ['agents:read']
  return {
    keyOfOne: await insertKey(workspace, { permissions, spaceIds: spaceIds.slice(0, 1) }),
    keyOfMany: await insertKey(workspace, { permissions, spaceIds }),
    agentId: agents[0]?.id ?? '',
  }
}

const agent = 'query ($id: ID!) { agent(id: $id) { id name } }'

/** One agent, and a page of agents, by a key of many grants beside one of one grant. */
export async function compareGrants(
  growth: Growth,
  { keyOfOne, keyOfMany, agentId }: ManyGrants,
): Promise<void> {
  const { server, engine } = growth
  const compareKeys = async (
    what: string,
    goal: string,
    count: number,
    requestBy: (key: string) => Request,
  ): Promise<void> => {
    const by = (name: string, key: string) =>
      subjectOf(server, { name, requests: [requestBy(key)], isGood: hasAgents(count) })
    const subjects = [
      await by('1 grant', keyOfOne),
      await by(`${grantCount.toLocaleString('en-US')} grants`, keyOfMany),
    ]
    const title = `${what} by the grants of the key, on ${engine}`
    await compareSubjects({ title, subjects, ratio: times, goal }, growth)
  }
  await compareKeys('agent(id)', 'at most 1.5', 1, (key) => operation(key, agent, { id: agentId }))
  await compareKeys('A page of 20 agents', 'at most 3', 20, (key) => agentsPage(key))
}
