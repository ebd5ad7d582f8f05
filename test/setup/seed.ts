import type { World } from './world.ts'

type Input = Readonly<Record<string, unknown>>

/** Runs a mutation that must succeed, and gives its payload. */
export async function done(
  world: World,
  secret: string,
  mutation: string,
  selection: string,
  input: Input,
): Promise<any> {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} errors { code message path } } }`
  const answer = await world.gql(secret, query, { input })
  const payload = answer.data?.[mutation]
  if (answer.errors.length > 0 || !payload || payload.errors.length > 0)
    throw new Error(`${mutation} failed: ${JSON.stringify({ ...answer, input })}`)
  return payload
}

/** Builds what a test needs, as an owner would through the API. */
export const seed = (world: World, secret: string) => ({
  space: async (input: Input): Promise<string> =>
    (await done(world, secret, 'createSpace', 'space { id }', input)).space.id,
  agent: async (input: Input): Promise<string> =>
    (await done(world, secret, 'createAgent', 'agent { id }', input)).agent.id,
  scope: async (input: Input): Promise<string> =>
    (await done(world, secret, 'createScope', 'scope { id }', input)).scope.id,
  /** A machine user of the role; `userId` owns keys, `id` is the membership. */
  machine: async (input: Input): Promise<{ id: string; userId: string }> => {
    const { member } = await done(
      world,
      secret,
      'createMachineUser',
      'member { id user { id } }',
      input,
    )
    return { id: member.id, userId: member.user.id }
  },
  key: async (input: Input): Promise<{ id: string; secret: string }> => {
    const payload = await done(world, secret, 'createApiKey', 'apiKey { id } secret', input)
    return { id: payload.apiKey.id, secret: payload.secret }
  },
})
