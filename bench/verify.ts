import { fileURLToPath } from 'node:url'
import { createKeys } from './better-auth.ts'
import { compareSubjects, type Measurement, rates } from './compare.ts'
import { createDatabase, onEachEngine, serverUrl } from './database.ts'
import {
  byMutation,
  byRoute,
  clientPermissions,
  gatewayPermissions,
  type Verified,
} from './gateway.ts'
import { startLatchkey } from './latchkey.ts'
import { jsonRequest, operation } from './request.ts'
import { type Server, startServer } from './server.ts'
import { ask, type Subject, subjectOf } from './subject.ts'

const keyCount = 100

const betterAuthSubject = (server: Server, keys: readonly string[]): Promise<Subject> =>
  subjectOf(server, {
    name: 'better-auth on PostgreSQL',
    requests: keys.map((key) => jsonRequest('/', { key })),
    isGood: ({ body }) => JSON.parse(body).valid === true,
  })

const createApiKey = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { secret errors { message } }
}`

/** Creates the gateway's key and those of its clients through the API. */
async function createVerified(server: Server, ownerKey: string): Promise<Verified> {
  const create = async (permissions: readonly string[]): Promise<string> => {
    const input = { name: crypto.randomUUID(), permissions, allSpaces: true }
    const { createApiKey: made } = await ask<{ createApiKey: { secret: string } }>(
      server,
      operation(ownerKey, createApiKey, { input }),
    )
    return made.secret
  }
  const gateway = await create(gatewayPermissions)
  const keys: string[] = []
  while (keys.length < keyCount) keys.push(await create(clientPermissions))
  return { gateway, keys }
}

/** The same of the first key only. */
const firstOf = (subject: Subject): Subject => ({
  ...subject,
  requests: subject.requests.slice(0, 1),
})

/**
 * The verification of a key over HTTP: `verifyApiKey` of better-auth on PostgreSQL beside Latchkey's
 * mutation and its route, on each engine.
 */
export async function verification(measurement: Measurement): Promise<void> {
  const url = serverUrl()
  if (url === undefined) {
    console.log('Verifying keys beside better-auth needs BENCH_DATABASE_URL\n')
    return
  }
  await using database = await createDatabase(url, 'better_auth')
  const keys = await createKeys(database.url, keyCount)
  await using betterAuth = await startServer({
    script: 'better-auth-server.ts',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { DATABASE_URL: database.url },
  })
  const first = await betterAuthSubject(betterAuth, keys)
  await onEachEngine(async (latchkeys) => {
    const { server, ownerKey } = await startLatchkey(latchkeys)
    await using latchkey = server
    const verified = await createVerified(latchkey, ownerKey)
    const { engine } = latchkeys
    const subjects = [
      first,
      await byMutation(latchkey, `Latchkey's mutation on ${engine}`, verified),
      await byRoute(latchkey, `Latchkey's GET /verify on ${engine}`, verified),
    ]
    const title = (which: string) => `Verifying ${which}, Latchkey on ${engine}`
    await compareSubjects(
      { title: title('one key'), subjects: subjects.map(firstOf), ratio: rates },
      measurement,
    )
    await compareSubjects(
      { title: title(`${keyCount} keys in turn`), subjects, ratio: rates },
      measurement,
    )
  })
}
