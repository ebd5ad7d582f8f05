import { type Item, parseList } from 'structured-headers'
import { expect } from 'vitest'
import { readCommand } from '../../src/commands/commands.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** What an answer tells of one limit. */
export interface ToldLimit {
  readonly limit: number
  readonly remaining: number
  readonly resetSeconds: number
}

const isItem = (member: ReturnType<typeof parseList>[number]): member is Item =>
  !Array.isArray(member[0])

/** A list of strings, each with parameters that are whole numbers (RFC 9651). */
function parameters(field: string): Map<string, Record<string, number>> {
  const told = parseList(field).map((member): [string, Record<string, number>] => {
    if (!isItem(member)) throw new Error(`an inner list in ${field}`)
    const [name, values] = member
    if (typeof name !== 'string') throw new Error(`no string in ${field}`)
    for (const value of values.values()) expect(value).toSatisfy(Number.isInteger)
    return [name, Object.fromEntries(values) as Record<string, number>]
  })
  expect(new Set(told.map(([name]) => name)).size).toBe(told.length)
  return new Map(told)
}

const names = ['ratelimit-policy', 'ratelimit', 'x-ratelimit-limit'] as const
const others = ['x-ratelimit-remaining', 'x-ratelimit-reset'] as const

/** The headers about limits that there are. */
export const limitHeaders = (headers: Headers): string[] =>
  [...names, ...others].filter((name) => headers.has(name))

/** What the structured fields tell, by the name of the limit; they must agree with each other. */
export function toldLimits(headers: Headers): Readonly<Record<string, ToldLimit>> {
  const policies = parameters(headers.get('ratelimit-policy') ?? '')
  const limits = parameters(headers.get('ratelimit') ?? '')
  expect([...limits.keys()]).toEqual([...policies.keys()])
  return Object.fromEntries(
    [...policies].map(([name, { q, w, ...more }]) => {
      const { r, t, ...evenMore } = limits.get(name) ?? {}
      expect({ w, ...more, ...evenMore }).toEqual({ w: 60 })
      return [name, { limit: Number(q), remaining: Number(r), resetSeconds: Number(t) }]
    }),
  )
}

/** How much remains of each limit, as an answer tells. */
export const remaining = (headers: Headers): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(toldLimits(headers)).map(([name, it]) => [name, it.remaining]))

/** Puts a workspace on a plan, as the operator would. */
export const changePlan = (
  world: World,
  { slug }: TestWorkspace,
  ...argv: readonly string[]
): Promise<string> => readCommand(['workspace', 'plan', slug, ...argv])(world.deps)

/** Gives a workspace this limit, and as a rule each of its keys with it; undefined: none. */
export const limitTo = (world: World, workspace: TestWorkspace, limit?: number): Promise<string> =>
  changePlan(
    world,
    workspace,
    'enterprise',
    ...(limit === undefined ? [] : ['--requests-per-minute', String(limit)]),
  )

/** One that costs 1 and needs no permission. */
export const cheap = '{ viewer { kind } }'
