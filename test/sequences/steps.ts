import type { Snapshot } from './probe.ts'
import type { Stage } from './stage.ts'

/**
 * One step, told in labels so that it can be read, and repeated without some of the others. In its
 * input `#label` is an id, `@1` a person's address, `+60` the instant in so many seconds, `=label` the
 * end of a credential, `?label` when a key was rotated, `$12` a secret of another system.
 */
export interface Step {
  /** Its number in the sequence, from which the labels of what it makes come. */
  readonly n: number
  readonly tenant: 0 | 1
  /** The label of the caller's credential. */
  readonly by: string
  /** A mutation; `time`: so many seconds pass; `look`: a query that `look` compares. */
  readonly action: string
  readonly input: Readonly<Record<string, unknown>>
}

/** A label that means nothing: the step that would have made it was left out, or failed. */
class UnknownLabel extends Error {}

/** A secret of another system, which only the sequence knows. */
export const legacySecret = (stage: Stage, name: string): string =>
  `${stage.address}-legacy-secret-${name}`

const meanings: Readonly<
  Record<string, (stage: Stage, before: Snapshot, name: string) => string | null | undefined>
> = {
  '#': ({ things }, _, name) => things.get(name)?.id,
  '@': ({ addresses }, _, name) => addresses[Number(name)],
  '+': (_, __, seconds) => new Date(Date.now() + Number(seconds) * 1_000).toISOString(),
  $: (stage, _, name) => legacySecret(stage, name),
  '=': ({ agedMs }, { held }, name) => {
    const end = held.get(name)?.end
    if (end === undefined) return undefined
    return end === Infinity ? null : new Date(end - agedMs).toISOString()
  },
  '?': ({ things }, { held }, name) => {
    const id = things.get(name)?.id
    const state = [...held.values()].find(({ key }) => key?.id === id)
    return state?.key?.rotatedAt?.toISOString() ?? null
  },
}

function meaningOf(stage: Stage, before: Snapshot, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => meaningOf(stage, before, item))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, meaningOf(stage, before, item)]),
    )
  if (typeof value !== 'string') return value
  const read = meanings[value.charAt(0)]
  if (read === undefined || value === '*') return value
  const meaning = read(stage, before, value.slice(1))
  if (meaning === undefined) throw new UnknownLabel(value)
  return meaning
}

/** A step's input as it is sent; undefined where it names what is not there. */
export function resolveInput(
  stage: Stage,
  before: Snapshot,
  { input }: Step,
): Record<string, unknown> | undefined {
  try {
    return meaningOf(stage, before, input) as Record<string, unknown>
  } catch (error) {
    if (error instanceof UnknownLabel) return undefined
    throw error
  }
}
