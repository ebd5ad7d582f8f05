import { loadavg } from 'node:os'
import { measure, type Round } from './measure.ts'
import type { Subject } from './subject.ts'

/** How it is measured. */
export interface Measurement {
  readonly rounds: number
  readonly connections: number
  /** Of a round. */
  readonly seconds: number
}

/** One side of a comparison. */
export interface Side {
  readonly name: string
  warmUp(): Promise<unknown>
  round(): Promise<Round>
}

/** What of each other side is put beside the same of the first. */
export interface Ratio {
  readonly name: string
  of(first: Round, other: Round): number
}

export const rates: Ratio = {
  name: 'ratio of the rates',
  of: (first, other) => other.requestsPerSecond / first.requestsPerSecond,
}

/** With the same number of connections, all of them busy. */
export const times: Ratio = {
  name: 'ratio of the times',
  of: (first, other) => first.requestsPerSecond / other.requestsPerSecond,
}

export interface Comparison {
  readonly title: string
  readonly sides: readonly Side[]
  readonly ratio: Ratio
  /** What the ratio is to be, as printed. */
  readonly goal?: string
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

/** Measures all sides in turn, round by round, so that other work of the machine meets all alike. */
export async function compare(
  { title, sides, ratio, goal }: Comparison,
  { rounds }: Pick<Measurement, 'rounds'>,
): Promise<void> {
  console.log(`${title}\n`)
  for (const side of sides) await side.warmUp()
  const results = sides.map((side) => ({ name: side.name, side, rounds: [] as Round[] }))
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round}`)
    // Each side goes first as often as the other: what goes first finds another machine.
    for (const { name, side, rounds } of round % 2 ? results : results.toReversed()) {
      const result = await side.round()
      rounds.push(result)
      console.log(`  ${row(name, result)}`)
    }
  }
  console.log('\nmedians')
  for (const { name, rounds } of results) console.log(`  ${row(name, middle(rounds))}`)
  const [first, ...others] = results
  for (const other of others) {
    const ratios = other.rounds.flatMap((result, index) => {
      const beside = first?.rounds[index]
      return beside ? [ratio.of(beside, result)] : []
    })
    const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
    console.log(
      `  ${ratio.name}, ${other.name} to ${first?.name}: ${median(ratios).toFixed(2)} ` +
        `(${range} over ${rounds} rounds)${goal ? `; goal: ${goal}` : ''}`,
    )
  }
  console.log(`  load of the machine now: ${loadavg()[0]?.toFixed(1)}\n`)
}

/** The same of subjects, each under the load of as many connections. */
export async function compareSubjects(
  {
    subjects,
    ...comparison
  }: Omit<Comparison, 'sides'> & { readonly subjects: readonly Subject[] },
  { rounds, connections, seconds }: Measurement,
): Promise<void> {
  const sides = subjects.map((subject) => ({
    name: subject.name,
    warmUp: () => measure(subject, connections, Math.min(seconds, 5)),
    round: () => measure(subject, connections, seconds),
  }))
  const title = `${comparison.title}; ${connections} connections`
  await compare({ ...comparison, title, sides }, { rounds })
}
