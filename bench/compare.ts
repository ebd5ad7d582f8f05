import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApiKeySecret } from '../src/auth/credentials/format.ts'
import { measure, type Round } from './measure.ts'
import { type Subject, startSubject } from './subject.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))

const startStock = (): Promise<Subject> =>
  startSubject({
    name: 'stock Yoga, { hello }',
    script: 'stock-yoga.ts',
    cwd: here,
    env: {},
    headers: {},
    query: '{ hello }',
  })

function startLatchkey(dataDir: string): Promise<Subject> {
  const key = createApiKeySecret('lk')
  return startSubject({
    name: 'Latchkey, { viewer { user { name } } }',
    script: 'src/server.ts',
    cwd: root,
    env: {
      HOST: '127.0.0.1',
      DATA_DIR: dataDir,
      LATCHKEY_BOOTSTRAP_KEY: key,
      LOG_LEVEL: 'warn',
    },
    headers: { authorization: `Bearer ${key}` },
    query: '{ viewer { user { name } } }',
  })
}

/** The middle value; the upper one of two. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const row = (name: string, { requestsPerSecond, p50, p99 }: Round): string =>
  `${name.padEnd(42)}${requestsPerSecond.toFixed(0).padStart(9)} requests/s` +
  `   p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms`

const middle = (rounds: readonly Round[]): Round => ({
  requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
  p50: median(rounds.map(({ p50 }) => p50)),
  p99: median(rounds.map(({ p99 }) => p99)),
})

/** Rounds in turn, so that whatever else the machine does meets both alike. */
async function run(a: Subject, b: Subject, rounds: number, connections: number, seconds: number) {
  const results: { readonly a: Round; readonly b: Round }[] = []
  for (const subject of [a, b]) await measure(subject, connections, 5)
  for (let round = 1; round <= rounds; round++) {
    const result = {
      a: await measure(a, connections, seconds),
      b: await measure(b, connections, seconds),
    }
    results.push(result)
    console.log(`round ${round}\n  ${row(a.name, result.a)}\n  ${row(b.name, result.b)}`)
  }
  const ratios = results.map((result) => result.b.requestsPerSecond / result.a.requestsPerSecond)
  console.log('\nmedians')
  console.log(`  ${row(a.name, middle(results.map((result) => result.a)))}`)
  console.log(`  ${row(b.name, middle(results.map((result) => result.b)))}`)
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  console.log(`  ratio ${median(ratios).toFixed(2)} (${range} over ${rounds} rounds)`)
}

const setting = (name: string, byDefault: number): number => Number(process.env[name] || byDefault)

/** Measures Latchkey beside stock Yoga and prints the result. Settings: see README.md. */
export async function compare(): Promise<void> {
  const rounds = setting('BENCH_ROUNDS', 5)
  const connections = setting('BENCH_CONNECTIONS', 32)
  const seconds = setting('BENCH_SECONDS', 8)
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ` +
      `${connections} connections, ${rounds} rounds of ${seconds} s each\n`,
  )
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  const subjects: Subject[] = []
  try {
    const stock = await startStock()
    subjects.push(stock)
    const latchkey = await startLatchkey(dataDir)
    subjects.push(latchkey)
    await run(stock, latchkey, rounds, connections, seconds)
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
    await rm(dataDir, { recursive: true, force: true })
  }
}
