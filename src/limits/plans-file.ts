import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'
import { builtInPlans, maxLimit, type PlanLimits, type PlanTable } from './plans.ts'

const limit = z.int().min(0).max(maxLimit).nullable()

const limitsOr = (plan: PlanLimits) =>
  z
    .strictObject({
      requestsPerMinute: limit.default(plan.requestsPerMinute),
      requestsPerMinutePerKey: limit.default(plan.requestsPerMinutePerKey),
      keyLimit: limit.default(plan.keyLimit),
    })
    .default(plan)

const planTable = z.strictObject({
  FREE: limitsOr(builtInPlans.FREE),
  PRO: limitsOr(builtInPlans.PRO),
  BUSINESS: limitsOr(builtInPlans.BUSINESS),
})

const oneOf = (names: object): string => `one of ${Object.keys(names).join(', ')}`

/** What may stand in the file, by how deep inside. */
const values = [
  'an object of plans',
  'an object of limits',
  `a whole number from 0 to ${maxLimit}, or null`,
]
/** By what names, likewise. */
const names = [
  `${oneOf(builtInPlans)}; the limits of ENTERPRISE are set for each workspace`,
  oneOf(builtInPlans.FREE),
]

function described({ path, ...issue }: z.core.$ZodIssue): string {
  const [place, expected] =
    issue.code === 'unrecognized_keys'
      ? [[...path, ...issue.keys.slice(0, 1)], names[path.length]]
      : [path, values[path.length]]
  const at = place.length === 0 ? 'the top' : JSON.stringify(place.join('.'))
  return `at ${at} expected ${expected}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`expected JSON: ${why.replaceAll(/\s+/g, ' ')}`)
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    throw new ConfigError(`expected a file that can be read: ${code}`)
  }
}

function checked(value: unknown): PlanTable {
  const { data, error } = planTable.safeParse(value)
  if (data !== undefined) return data
  throw new ConfigError(error.issues.slice(0, 1).map(described).join())
}

/**
 * The plan table with what a JSON file says otherwise:
 * `{ "FREE": { "requestsPerMinute": 100, "requestsPerMinutePerKey": 50, "keyLimit": 5 } }`. A plan or
 * number that it leaves out stays as built in; null is no limit.
 *
 * @throws ConfigError naming the place in the file and what was expected there
 */
export async function readPlansFile(path: string): Promise<PlanTable> {
  try {
    return checked(parseJson(await readText(path)))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(`PLANS_FILE is ${JSON.stringify(path)}; ${error.message}`)
  }
}
