import { compareSubjects, type Measurement, times } from './compare.ts'
import { type Database, onEachEngine } from './database.ts'
import { startLatchkey } from './latchkey.ts'
import { operation } from './request.ts'
import { ask, subjectOf } from './subject.ts'

const query = '{ viewer { user { name } } }'

const createAccessToken =
  'mutation { createAccessToken(input: { expiresInSeconds: 3600 }) { token } }'

/** An access token beside the API key that it is of, on each engine. */
export const tokenBesideKey = (measurement: Measurement): Promise<void> =>
  onEachEngine(async (database: Database) => {
    const { server, ownerKey } = await startLatchkey(database)
    await using latchkey = server
    const made = await ask<{ createAccessToken: { token: string } }>(
      latchkey,
      operation(ownerKey, createAccessToken),
    )
    const by = (name: string, secret: string) =>
      subjectOf(latchkey, { name, requests: [operation(secret, query)] })
    const subjects = [
      await by('by API key', ownerKey),
      await by('by access token', made.createAccessToken.token),
    ]
    const title = `An access token beside the API key that it is of, on ${database.engine}`
    await compareSubjects({ title, subjects, ratio: times, goal: 'at most 1.15' }, measurement)
  })
