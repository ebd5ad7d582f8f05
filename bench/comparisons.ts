import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { compare, type Measurement } from './compare.ts'
import {
  byToken,
  type Database,
  embeddedDatabase,
  postgresDatabase,
  withLatchkey,
} from './latchkey.ts'
import { graphqlBody, isData, type Subject, startSubject } from './subject.ts'
import { verifyBesideBetterAuth } from './verify.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

const startStock = (): Promise<Subject> =>
  startSubject({
    name: 'stock Yoga, { hello }',
    script: 'stock-yoga.ts',
    cwd: here,
    env: {},
    headers: {},
    bodies: [graphqlBody('{ hello }')],
    isGood: isData,
  })

async function besideStock(measurement: Measurement): Promise<void> {
  const name = 'Latchkey, { viewer { user { name } } }'
  await withLatchkey(name, await embeddedDatabase(), async (b) => {
    const a = await startStock()
    try {
      await compare(
        {
          title: 'Latchkey beside stock Yoga',
          a,
          b,
          ratioName: "ratio of Latchkey's requests per second to stock Yoga's",
          ratio: (stock, latchkey) => latchkey.requestsPerSecond / stock.requestsPerSecond,
        },
        measurement,
      )
    } finally {
      await a.stop()
    }
  })
}

async function tokenBesideKey(measurement: Measurement): Promise<void> {
  const on = async (engine: string, database: Database): Promise<void> =>
    withLatchkey('by API key', database, async (a) => {
      await compare(
        {
          title: `An access token beside the API key that it is of, on ${engine}`,
          a,
          b: await byToken(a, 'by access token'),
          ratioName: 'ratio of the time of a request by token to that of one by key',
          ratio: (key, token) => key.requestsPerSecond / token.requestsPerSecond,
        },
        measurement,
      )
    })
  await on('the embedded database', await embeddedDatabase())
  const serverUrl = process.env.BENCH_DATABASE_URL
  if (serverUrl) await on('PostgreSQL', await postgresDatabase(serverUrl))
}

async function verification(measurement: Measurement): Promise<void> {
  const serverUrl = process.env.BENCH_DATABASE_URL
  if (serverUrl) await verifyBesideBetterAuth(serverUrl, measurement)
  else console.log('Verifying keys beside better-auth needs BENCH_DATABASE_URL\n')
}

/** Each with the number of connections that it is made with, unless told otherwise. */
const comparisons = {
  stock: { compare: besideStock, connections: 32 },
  token: { compare: tokenBesideKey, connections: 32 },
  verify: { compare: verification, connections: 16 },
}

const setting = (name: string, byDefault: number): number => Number(process.env[name] || byDefault)

/**
 * Measures one comparison, or all of them, and prints the results. Settings: see README.md.
 *
 * @throws for the name of none
 */
export async function measureComparisons(name: string | undefined): Promise<void> {
  const chosen = Object.entries(comparisons).filter(([one]) => name === undefined || one === name)
  if (chosen.length === 0)
    throw new Error(`expected one of ${Object.keys(comparisons).join(', ')}, not ${name}`)
  const rounds = setting('BENCH_ROUNDS', 5)
  const seconds = setting('BENCH_SECONDS', 8)
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ` +
      `${rounds} rounds of ${seconds} s each\n`,
  )
  for (const [, comparison] of chosen)
    await comparison.compare({
      rounds,
      seconds,
      connections: setting('BENCH_CONNECTIONS', comparison.connections),
    })
}
