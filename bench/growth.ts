import type { Measurement } from './compare.ts'
import { onEachEngine } from './database.ts'
import { fill } from './fill.ts'
import { compareAgents, fillAgents } from './growth-agents.ts'
import { compareGrants, fillGrants } from './growth-grants.ts'
import { compareKeys, fillKeys } from './growth-keys.ts'
import { compareOwners, fillOwners } from './growth-owners.ts'
import { startLatchkey } from './latchkey.ts'
import type { Server } from './server.ts'

/** Where the comparisons of growth are made, and how. */
export interface Growth extends Measurement {
  readonly server: Server
  readonly engine: string
}

/** What more agents, grants and keys cost: each case beside a small one of the same server. */
export const growth = (measurement: Measurement): Promise<void> =>
  onEachEngine(async (database) => {
    const filled = await fill(database, async (createWorkspace) => ({
      agents: await fillAgents(await createWorkspace('agents')),
      grants: await fillGrants(await createWorkspace('grants')),
      keys: await fillKeys(await createWorkspace('keys')),
      owners: await fillOwners(createWorkspace),
    }))
    // The credentials of all keys that are verified fit into it.
    const env = { ...database.env, CREDENTIAL_CACHE_MEBIBYTES: '256' }
    await using server = (await startLatchkey({ ...database, env })).server
    const on: Growth = { ...measurement, server, engine: database.engine }
    await compareAgents(on, filled.agents)
    await compareGrants(on, filled.grants)
    await compareKeys(on, filled.keys)
    await compareOwners(on, filled.owners)
  })
