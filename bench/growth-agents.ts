import { encodeCursor } from '../src/db/page.ts'
import { compareSubjects, times } from './compare.ts'
import { insertAgents, insertKey, insertSpaces, type Workspace } from './fill.ts'
import type { Growth } from './growth.ts'
import { operation } from './request.ts'
import { type Answer, subjectOf } from './subject.ts'

const agentCount = 100_000
const spaceCount = 500
/** The first of the spaces are nearly empty: the few agents are in the first one. */
const quietSpaces = 150
const fewAgents = 5
const agentsPerPage = 100

/** A workspace with many agents. */
export interface ManyAgents {
  /** Sees all agents. */
  readonly keyOfAll: string
  /** Sees the few: it names their one space. */
  readonly keyOfFew: string
  /** Sees the few as well, but names all of the quiet spaces. */
  readonly keyOfQuiet: string
  /** The cursor of the last page. */
  readonly beforeLastPage: string
}

/**
 * Every agent is in one busy space, but for the few, which are spread over the list. Another 200 are
 * in the space of the few besides, and seen only with both.
 */
export async function fillAgents(workspace: Workspace): Promise<ManyAgents> {
  const spaceIds = await insertSpaces(workspace, spaceCount)
  const quiet = spaceIds.slice(0, quietSpaces)
  const busy = spaceIds.slice(quietSpaces)
  const [space = ''] = quiet
  const spacesOfAgents = Array.from({ length: agentCount }, (_, index) => {
    if (index % (agentCount / fewAgents) === 0) return [space]
    const own = busy[index % busy.length] ?? ''
    return index % 500 === 1 ? [own, space] : [own]
  })
  const agents = await insertAgents(workspace, spacesOfAgents)
  const permissions = ['agents:read']
  const last = agents[agentsPerPage]
  return {
    keyOfAll: await insertKey(workspace, { permissions }),
    keyOfFew: await insertKey(workspace, { permissions, spaceIds: [space] }),
    keyOfQuiet: await insertKey(workspace, { permissions, spaceIds: quiet }),
    beforeLastPage: last ? encodeCursor(last) : '',
  }
}

const agents = `query ($first: Int!, $after: String) {
  agents(first: $first, after: $after) { nodes { id name } }
}`

/** A page of agents with their names, by that key. */
export const agentsPage = (key: string, first = 20, after?: string) =>
  operation(key, agents, { first, after })

/** Whether the answer has that many agents. */
export const hasAgents = (count: number) => (answer: Answer) =>
  answer.body.match(/"name":"Agent \d+"/g)?.length === count

/** A key that sees few of many agents beside one that sees all, and the last page beside the first. */
export async function compareAgents(growth: Growth, filled: ManyAgents): Promise<void> {
  const { server, engine } = growth
  const { keyOfAll, keyOfFew, keyOfQuiet, beforeLastPage } = filled
  const page = (name: string, key: string, count: number) =>
    subjectOf(server, { name, requests: [agentsPage(key)], isGood: hasAgents(count) })
  const thousands = agentCount.toLocaleString('en-US')
  await compareSubjects(
    {
      title: `A page of 20 of ${thousands} agents in ${spaceCount} spaces, on ${engine}`,
      subjects: [
        await page('all spaces, sees all', keyOfAll, 20),
        await page(`1 space, sees ${fewAgents}`, keyOfFew, fewAgents),
        await page(`${quietSpaces} spaces, sees ${fewAgents}`, keyOfQuiet, fewAgents),
      ],
      ratio: times,
      goal: 'at most 3',
    },
    growth,
  )
  const pageAfter = (name: string, after?: string) =>
    subjectOf(server, {
      name,
      requests: [agentsPage(keyOfAll, agentsPerPage, after)],
      isGood: hasAgents(agentsPerPage),
    })
  await compareSubjects(
    {
      title: `Pages of ${agentsPerPage} of ${thousands} agents, on ${engine}`,
      subjects: [
        await pageAfter('page 1'),
        await pageAfter(`page ${agentCount / agentsPerPage}`, beforeLastPage),
      ],
      ratio: times,
      goal: 'at most 1.2',
    },
    growth,
  )
}
