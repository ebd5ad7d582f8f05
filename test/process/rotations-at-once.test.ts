import { Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createFolder, startServer } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const together = 20

// Over real connections: the embedded database would run one request to its end before the next is
// read, each rotation would kill the secret that an earlier one has just given, and nobody be told.
test('of rotations at once over the network one gives a secret, and it works', async () => {
  const server = await startServer({ DATA_DIR: await createFolder() })
  const [owner = ''] = server.printedKeys
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const ask = async (query: string): Promise<any> => {
    const headers = { 'content-type': 'application/json', 'x-api-key': owner }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request(`${server.url}/graphql`, { agent, method: 'POST', headers }, resolve)
      call.on('error', reject).end(JSON.stringify({ query }))
    })
    return await json(response)
  }
  const askTogether = (query: string): Promise<any>[] =>
    Array.from({ length: together }, () => ask(query))

  for (let round = 0; round < 3; round += 1) {
    const made = await ask(
      `mutation { createApiKey(input: { name: "${round}" }) { apiKey { id } } }`,
    )
    const { id } = made.data.createApiKey.apiKey
    // Connections that are open, and a server that reads none of them until all is written.
    await Promise.all(askTogether('{ viewer { kind } }'))
    server.child.kill('SIGSTOP')
    const sent = askTogether(
      `mutation { rotateApiKey(input: { id: "${id}" }) { secret errors { code } } }`,
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
})
