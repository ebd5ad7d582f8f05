import { compareSubjects, type Measurement, rates } from './compare.ts'
import { onEachEngine } from './database.ts'
import { fill } from './fill.ts'
import { startLatchkey } from './latchkey.ts'
import { freshId, operation } from './request.ts'
import { subjectOf } from './subject.ts'

const workspaceCount = 50

const createApiKey = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { errors { message } }
}`

const input = { name: `key ${freshId}`, permissions: ['agents:read'], allSpaces: true }

/** Keys made over many workspaces beside one, whose changes wait for each other, on each engine. */
export const mutations = (measurement: Measurement): Promise<void> =>
  onEachEngine(async (database) => {
    const slugs = Array.from({ length: 1 + workspaceCount }, (_, index) => `workspace-${index}`)
    const [one, ...many] = await fill(database, async (createWorkspace) => {
      const ownerKeys: string[] = []
      for (const slug of slugs) ownerKeys.push((await createWorkspace(slug)).ownerKey)
      return ownerKeys.map((ownerKey) => operation(ownerKey, createApiKey, { input }))
    })
    await using server = (await startLatchkey(database)).server
    const subjects = [
      await subjectOf(server, { name: 'in one workspace', requests: one ? [one] : [] }),
      await subjectOf(server, { name: `over ${workspaceCount} workspaces`, requests: many }),
    ]
    const title = `Keys made, on ${database.engine}`
    await compareSubjects({ title, subjects, ratio: rates }, measurement)
  })
