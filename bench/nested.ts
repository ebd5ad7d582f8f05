import { fileURLToPath } from 'node:url'
import { compareSubjects, type Measurement, rates } from './compare.ts'
import { type Database, embeddedDatabase, postgresDatabase, serverUrl } from './database.ts'
import { fill, insertAgents, insertKey, insertSpaces } from './fill.ts'
import { startLatchkey } from './latchkey.ts'
import { operation, publicOperation } from './request.ts'
import { type Server, startServer } from './server.ts'
import { type Subject, subjectOf } from './subject.ts'

const spaceCount = 20
const agentsPerSpace = 10

/** Fills a workspace and returns the secret of a key that names all of its spaces. */
const fillNested = (database: Database): Promise<string> =>
  fill(database, async (createWorkspace) => {
    const workspace = await createWorkspace('nested')
    const spaceIds = await insertSpaces(workspace, spaceCount)
    const spacesOfAgents = spaceIds.flatMap((id) => Array(agentsPerSpace).fill([id]))
    await insertAgents(workspace, spacesOfAgents)
    return insertKey(workspace, { permissions: ['spaces:read', 'agents:read'], spaceIds })
  })

const latchkeyQuery = `{
  spaces(first: ${spaceCount}) { nodes { name agents(first: ${agentsPerSpace}) { nodes { name } } } }
}`

/** The same by the names that the default preset gives, through the table between both. */
const postgraphileQuery = `{
  allSpaces(first: ${spaceCount}) {
    nodes {
      name
      agentSpacesByWorkspaceIdAndSpaceId(first: ${agentsPerSpace}) {
        nodes { agentByWorkspaceIdAndAgentId { name } }
      }
    }
  }
}`

/** Whether the answer has the names of all agents of all spaces. */
const isWhole = ({ body }: { readonly body: string }): boolean =>
  body.match(/"name":"Agent \d+"/g)?.length === spaceCount * agentsPerSpace

const latchkeySubject = (server: Server, engine: string, key: string): Promise<Subject> =>
  subjectOf(server, {
    name: `Latchkey on ${engine}`,
    requests: [operation(key, latchkeyQuery)],
    isGood: isWhole,
  })

const startPostgraphile = ({ env }: Database): Promise<Server> =>
  startServer({
    script: 'postgraphile-server.ts',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { GRAPHILE_ENV: 'production', DATABASE_URL: env.DATABASE_URL ?? '' },
  })

/** Spaces with their agents, authorized field by field, beside PostGraphile without authorization. */
export async function besidePostgraphile(measurement: Measurement): Promise<void> {
  const url = serverUrl()
  if (url === undefined) {
    console.log('Nested lists beside PostGraphile need BENCH_DATABASE_URL\n')
    return
  }
  await using onServer = await postgresDatabase(url)
  await using embedded = await embeddedDatabase()
  const keys = [await fillNested(onServer), await fillNested(embedded)]
  await using postgraphile = await startPostgraphile(onServer)
  await using first = (await startLatchkey(onServer)).server
  await using second = (await startLatchkey(embedded)).server
  const [firstKey = '', secondKey = ''] = keys
  const subjects = [
    await subjectOf(postgraphile, {
      name: 'PostGraphile on PostgreSQL',
      requests: [publicOperation(postgraphileQuery)],
      isGood: isWhole,
    }),
    await latchkeySubject(first, onServer.engine, firstKey),
    await latchkeySubject(second, embedded.engine, secondKey),
  ]
  const title = `${spaceCount} spaces with ${agentsPerSpace} agents each, beside PostGraphile`
  await compareSubjects({ title, subjects, ratio: rates }, measurement)
}
