import { fileURLToPath } from 'node:url'
import { createKeys } from './better-auth.ts'
import { compare, type Measurement } from './compare.ts'
import {
  byGateway,
  createDatabase,
  type Database,
  embeddedDatabase,
  postgresDatabase,
  withLatchkey,
} from './latchkey.ts'
import { type Subject, startSubject } from './subject.ts'

const keyCount = 100

const isValid = ({ valid }: { readonly valid?: unknown }): boolean => valid === true

const startBetterAuth = async (databaseUrl: string): Promise<Subject> => {
  const keys = await createKeys(databaseUrl, keyCount)
  return startSubject({
    name: 'better-auth, PostgreSQL',
    script: 'better-auth-server.ts',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { DATABASE_URL: databaseUrl },
    headers: {},
    bodies: keys.map((key) => JSON.stringify({ key })),
    isGood: isValid,
  })
}

/** The same subject, asked for its first key only. */
const ofOneKey = (subject: Subject): Subject => ({ ...subject, bodies: subject.bodies.slice(0, 1) })

/**
 * The verification of a key, over HTTP: `verifyApiKey` of better-auth, and Latchkey's mutation, on
 * the PostgreSQL server of that URL; Latchkey also on its embedded database.
 */
export async function verifyBesideBetterAuth(
  serverUrl: string,
  measurement: Measurement,
): Promise<void> {
  const database = await createDatabase(serverUrl, 'better_auth')
  try {
    const a = await startBetterAuth(database.url)
    const on = async (engine: string, latchkeys: Database): Promise<void> =>
      withLatchkey('Latchkey', latchkeys, async (subject) => {
        const b = await byGateway(subject, `Latchkey, ${engine}`, keyCount)
        const besides = async (which: string, one: Subject, other: Subject): Promise<void> =>
          compare(
            {
              title: `Verifying ${which}: Latchkey on ${engine} beside better-auth on PostgreSQL`,
              a: one,
              b: other,
              ratioName: "ratio of Latchkey's requests per second to better-auth's",
              ratio: (betterAuth, latchkey) =>
                latchkey.requestsPerSecond / betterAuth.requestsPerSecond,
            },
            measurement,
          )
        await besides('one key', ofOneKey(a), ofOneKey(b))
        await besides(`${keyCount} keys in turn`, a, b)
      })
    try {
      await on('PostgreSQL', await postgresDatabase(serverUrl))
      await on('the embedded database', await embeddedDatabase())
    } finally {
      await a.stop()
    }
  } finally {
    await database.drop()
  }
}
