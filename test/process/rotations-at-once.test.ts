import { Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createPostgres } from '../setup/postgres.ts'
import { createFolder, startServer } from './program.ts'

const together = 100

async function onPostgres() {
  const { url, drop } = await createPostgres('empty')
  onTestFinished(drop)
  return { DATABASE_URL: url, SECRETS_KEY: 'a key for tests, long enough to be one' }
}

const engines = {
  'the embedded database': async () => ({ DATA_DIR: await createFolder() }),
  ...(inject('postgres') && { PostgreSQL: onPostgres }),
}

// Over real connections: one request may run to its end before the next is read, each rotation would
// kill the secret that an earlier one has just given, and nobody be told.
test.each(Object.entries(engines))(
  'of rotations at once over the network one gives a secret, and it works: %s',
  async (_, settings) => {
    const server = await startServer(await settings())
    const [owner = ''] = server.printedKeys
    const kept = new Agent({ keepAlive: true })
    onTestFinished(() => kept.destroy())
    const ask = async (query: string, agent: Agent): Promise<any> => {
      const headers = { 'content-type': 'application/json', 'x-api-key': owner }
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const call = request(`${server.url}/graphql`, { agent, method: 'POST', headers }, resolve)
        call.on('error', reject).end(JSON.stringify({ query }))
      })
      return await json(response)
    }
    const askTogether = (query: string, agent: Agent): Promise<any>[] =>
      Array.from({ length: together }, () => ask(query, agent))

    // New connections are accepted one by one, and so take longer to be read.
    for (const [name, agent] of Object.entries({ kept, fresh: new Agent({ keepAlive: false }) })) {
      const made = await ask(
        `mutation { createApiKey(input: { name: "${name}" }) { apiKey { id } } }`,
        agent,
      )
      const { id } = made.data.createApiKey.apiKey
      // The caller is known, and what is kept open is open.
      await Promise.all(askTogether('{ viewer { kind } }', agent))
      // The server reads none of them until all is written.
      server.child.kill('SIGSTOP')
      const sent = askTogether(
        `mutation { rotateApiKey(input: { id: "${id}" }) { secret errors { code } } }`,
        agent,
      )
      await sleep(300)
      server.child.kill('SIGCONT')
      const payloads = (await Promise.all(sent)).map(({ data }) => data.rotateApiKey)

      const secrets = payloads.flatMap(({ secret }) => secret ?? [])
      expect(secrets).toHaveLength(1)
      const codes = payloads.flatMap(({ errors }) => errors.map(({ code }: any) => code))
      expect(codes).toEqual(Array.from({ length: together - 1 }, () => 'CONFLICT'))
      for (const secret of secrets)
        expect((await server.gql(secret, '{ viewer { kind } }')).status).toBe(200)
    }
  },
)
