import { loadavg } from 'node:os'
import { measure, type Round } from './measure.ts'
import type { Subject } from './subject.ts'

/** Two subjects, and what their ratio is. */
export interface Comparison {
  readonly title: string
  readonly a: Subject
  readonly b: Subject
  readonly ratioName: string
  ratio(a: Round, b: Round): number
}

/** How it is measured. */
export interface Measurement {
  readonly rounds: number
  readonly connections: number
  /** Of a round. */
  readonly seconds: number
}

/** The middle value; the upper one of two. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const row = (name: string, { requestsPerSecond, cpu, p50, p99 }: Round): string =>
  `${name.padEnd(42)}${requestsPerSecond.toFixed(0).padStart(9)} requests/s` +
  `   ${cpu.toFixed(3)} ms of processor each   p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms`

const middle = (rounds: readonly Round[]): Round => ({
  requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
  cpu: median(rounds.map(({ cpu }) => cpu)),
  p50: median(rounds.map(({ p50 }) => p50)),
  p99: median(rounds.map(({ p99 }) => p99)),
})

/** Measures both in turn, round by round, so that whatever else the machine does meets both alike. */
export async function compare(
  { title, a, b, ratioName, ratio }: Comparison,
  { rounds, connections, seconds }: Measurement,
): Promise<void> {
  console.log(`${title}; ${connections} connections\n`)
  for (const subject of [a, b]) await measure(subject, connections, 5)
  const results: { readonly a: Round; readonly b: Round }[] = []
  for (let round = 1; round <= rounds; round++) {
    const result = {
      a: await measure(a, connections, seconds),
      b: await measure(b, connections, seconds),
    }
    results.push(result)
    console.log(`round ${round}: ratio ${ratio(result.a, result.b).toFixed(2)}`)
    console.log(`  ${row(a.name, result.a)}\n  ${row(b.name, result.b)}`)
  }
  const ratios = results.map((result) => ratio(result.a, result.b))
  console.log('\nmedians')
  console.log(`  ${row(a.name, middle(results.map((result) => result.a)))}`)
  console.log(`  ${row(b.name, middle(results.map((result) => result.b)))}`)
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
  console.log(`  ${ratioName}: ${median(ratios).toFixed(2)} (${range} over ${rounds} rounds)`)
  console.log(`  load of the machine now: ${loadavg()[0]?.toFixed(1)}\n`)
}
