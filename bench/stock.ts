import { fileURLToPath } from 'node:url'
import { compareSubjects, type Measurement, rates } from './compare.ts'
import { embeddedDatabase } from './database.ts'
import { startLatchkey } from './latchkey.ts'
import { operation, publicOperation } from './request.ts'
import { startServer } from './server.ts'
import { subjectOf } from './subject.ts'

/** Latchkey beside stock Yoga. */
export async function besideStock(measurement: Measurement): Promise<void> {
  await using database = await embeddedDatabase()
  const { server, ownerKey } = await startLatchkey(database)
  await using latchkey = server
  await using yoga = await startServer({
    script: 'stock-yoga.ts',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: {},
  })
  const query = '{ viewer { user { name } } }'
  const subjects = [
    await subjectOf(yoga, {
      name: 'stock Yoga, { hello }',
      requests: [publicOperation('{ hello }')],
    }),
    await subjectOf(latchkey, {
      name: `Latchkey, ${query}`,
      requests: [operation(ownerKey, query)],
    }),
  ]
  const title = 'Latchkey beside stock Yoga'
  await compareSubjects({ title, subjects, ratio: rates }, measurement)
}
