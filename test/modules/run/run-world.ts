import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { eventually } from '../../setup/eventually.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

/** A world whose agents run, with an agent in one space and one in two. */
export interface RunWorld {
  readonly world: World
  readonly endpoint: ChatEndpoint
  readonly workspace: TestWorkspace
  readonly make: ReturnType<typeof seed>
  readonly spaces: { readonly a: string; readonly b: string }
  readonly agentInA: string
  readonly agentInBoth: string
  /** Keeps the endpoint's answers back until what is returned is called. */
  holdAnswers(): () => void
  /** Begins a run in the background, as the owner or by another key. */
  begin(input: object, secret?: string): Promise<{ id: string; sessionId: string }>
  /** A run as the owner sees it. */
  read(id: string): Promise<any>
  /** The same, once it is over. */
  ended(id: string): Promise<any>
  close(): Promise<void>
}

const shown = `id status output error finishedAt createdById session { id status }`

export async function createRunWorld(): Promise<RunWorld> {
  const endpoint = await createChatEndpoint()
  const world = await createWorld({ runtime: { url: endpoint.url, model: 'model' } })
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces = { a: await make.space({ name: 'A' }), b: await make.space({ name: 'B' }) }
  const agentInA = await make.agent({ name: 'in A', spaceIds: [spaces.a] })
  const agentInBoth = await make.agent({ name: 'in both', spaceIds: [spaces.a, spaces.b] })

  const read = async (id: string) => {
    const query = `query ($id: ID!) { run(id: $id) { ${shown} } }`
    const { data, errors } = await world.gql(workspace.secret, query, { id })
    if (errors.length > 0) throw new Error(JSON.stringify(errors))
    return data.run
  }
  return {
    world,
    endpoint,
    workspace,
    make,
    spaces,
    agentInA,
    agentInBoth,
    holdAnswers() {
      const gate = Promise.withResolvers<void>()
      endpoint.gate = gate.promise
      return () => {
        endpoint.gate = undefined
        gate.resolve()
      }
    },
    async begin(input, secret = workspace.secret) {
      const told = { input: 'Hello', background: true, ...input }
      const { run } = await done(world, secret, 'runAgent', 'run { id status }', told)
      if (run.status !== 'RUNNING') throw new Error(`the run is ${run.status} at once`)
      return { id: run.id, sessionId: (await read(run.id)).session.id }
    },
    read,
    ended: (id) =>
      eventually(async () => {
        const run = await read(id)
        if (run.status === 'RUNNING') throw new Error(`${id} does not end`)
        return run
      }),
    async close() {
      await world.close()
      await endpoint.close()
    },
  }
}
