import type { RunningServer } from './program.ts'

type Server = Pick<RunningServer, 'gql'>

async function done(server: Server, key: string, query: string): Promise<any> {
  const { data, errors } = await server.gql(key, query)
  const [payload] = Object.values<any>(data ?? {})
  if (errors?.length > 0 || payload?.errors?.length > 0)
    throw new Error(JSON.stringify({ data, errors }))
  return payload
}

/** A new agent in a space of its own. */
export async function newAgent(server: Server, key: string): Promise<string> {
  const make = `createSpace(input: { name: "agents" }) { space { id } errors { message } }`
  const { space } = await done(server, key, `mutation { ${make} }`)
  const input = `{ name: "agent", spaceIds: ["${space.id}"] }`
  const { agent } = await done(
    server,
    key,
    `mutation { createAgent(input: ${input}) { agent { id } errors { message } } }`,
  )
  return agent.id
}

/** Asks in the background. */
export async function beginRun(
  server: Server,
  key: string,
  where: string,
): Promise<{ id: string; status: string; session: { id: string } }> {
  const input = `{ ${where}, input: "Hello", background: true }`
  const selection = 'run { id status session { id } } errors { message }'
  return (await done(server, key, `mutation { runAgent(input: ${input}) { ${selection} } }`)).run
}

export const readRun = (server: Server, key: string, id: string): Promise<any> =>
  done(server, key, `{ run(id: "${id}") { status output error finishedAt } }`)
