// Keeps its own key fresh, and prints every agent within its reach. README.md says how to run it.
import process from 'node:process'
import { readSecret } from './key-file.ts'
import { ask } from './latchkey.ts'
import { freshSecret } from './rotate.ts'

const url = process.env.LATCHKEY_URL ?? 'http://127.0.0.1:4000/graphql'
const file = process.env.LATCHKEY_KEY_FILE ?? 'latchkey.key'

interface Agents {
  readonly agents: {
    readonly nodes: readonly { readonly id: string; readonly name: string }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string }
  }
}

const listAgents = `query ListAgents($after: String) {
  agents(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}`

async function* allAgents(secret: string) {
  for (let after: string | null = null; ; ) {
    const { agents }: Agents = await ask(url, secret, listAgents, { after })
    yield* agents.nodes
    if (!agents.pageInfo.hasNextPage) return
    after = agents.pageInfo.endCursor
  }
}

// A rotation that fails is reported and does not stop the work: the secret at hand still works.
const secret = await freshSecret(url, file).catch((error: Error) => {
  console.error(`The key was not rotated. ${error.message}`)
  process.exitCode = 1
  return readSecret(file)
})
for await (const { id, name } of allAgents(secret)) console.log(id, name)
