import type { Context, DataLoader } from '../context.ts'
import { RequestError } from '../errors.ts'
import { Prisma } from '../generated/prisma/client.ts'

/** Columns whose texts may be long: no list reads them, but for the rows that show them. */
const columns = {
  'Agent.instructions': Prisma.sql`SELECT id, instructions AS text FROM "Agent"`,
  'Run.input': Prisma.sql`SELECT id, input AS text FROM "Run"`,
  'Run.output': Prisma.sql`SELECT id, output AS text FROM "Run"`,
}

/** A field that shows a long text. */
export type LongText = keyof typeof columns

/** In characters, for all such texts of an operation together: its answer is made in memory. */
const maxLength = 8_000_000

const tooMuch = (): RequestError =>
  new RequestError(
    'QUERY_TOO_COMPLEX',
    `An operation shows at most ${maxLength} characters of descriptions, instructions, inputs and outputs; ask for fewer of them.`,
  )

interface Count {
  read: number
  /** The same text may stand in many places. */
  shown: number
}

/** How many characters each operation has come to so far. */
const counts = new WeakMap<Context, Count>()

/** Adds to what an operation has come to. A query that comes to too much ends, and a field of a mutation. */
async function add(context: Context, which: keyof Count, length: number): Promise<void> {
  const count = counts.get(context) ?? { read: 0, shown: 0 }
  counts.set(context, count)
  count[which] += length
  if (count[which] > maxLength) await context.refuse(tooMuch())
}

/** Reads texts of rows that the caller sees, once it is known that they are not too long together. */
const loaderOf = (context: Context, field: LongText): DataLoader<string | null> =>
  context.batch(field, async (ids) => {
    const { prisma } = context.deps
    const texts = Prisma.sql`${columns[field]}
      WHERE "workspaceId" = ${context.caller.workspaceId} AND id = ANY(${ids}::text[])`
    const [sum] = await prisma.$queryRaw<{ length: number | null }[]>`
      SELECT sum(length(text))::float8 AS length FROM (${texts}) AS texts`
    await add(context, 'read', sum?.length ?? 0)
    const rows = await prisma.$queryRaw<{ id: string; text: string | null }[]>(texts)
    const byId = new Map(rows.map(({ id, text }) => [id, text]))
    return ids.map((id) => byId.get(id) ?? null)
  })

/**
 * A text of a row that was read already, which may be too much where it is shown in many places: it
 * is refused then, as with `longText`.
 */
export async function shownText<Text extends string | null>(
  context: Context,
  text: Text,
): Promise<Text> {
  await add(context, 'shown', text?.length ?? 0)
  return text
}

/**
 * A long text of a row that the caller sees. A query that shows too much of them is refused with
 * QUERY_TOO_COMPLEX, as a whole; of a mutation, each field that is too much.
 */
export async function longText(
  context: Context,
  field: LongText,
  id: string,
): Promise<string | null> {
  return await shownText(context, await loaderOf(context, field).load(id))
}
