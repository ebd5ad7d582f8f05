import type { Context, DataLoader } from '../../context.ts'
import { RequestError } from '../../errors.ts'

/** What was asked and answered. */
interface RunTexts {
  readonly input: string
  readonly output: string | null
}

/** In characters, for all runs of an operation together: its answer is made in memory. */
const maxLength = 8_000_000

const tooMuch = (): RequestError =>
  new RequestError(
    'QUERY_TOO_COMPLEX',
    `An operation shows at most ${maxLength} characters of runs; ask for fewer of them.`,
  )

/** How many characters each operation has shown so far: the same text may stand in many places. */
const shown = new WeakMap<Context, number>()

/** Reads the texts of runs that the caller sees, as many as an operation may show. */
const textsLoader = (context: Context): DataLoader<RunTexts> => {
  let read = 0
  return context.batch('run.texts', async (ids) => {
    const { prisma } = context.deps
    const { workspaceId } = context.caller
    const [sum] = await prisma.$queryRaw<{ length: number }[]>`
      SELECT sum(length(input) + coalesce(length(output), 0))::float8 AS length FROM "Run"
       WHERE "workspaceId" = ${workspaceId} AND id = ANY(${ids}::text[])`
    read += sum?.length ?? 0
    if (read > maxLength) throw tooMuch()
    const rows = await prisma.run.findMany({
      where: { workspaceId, id: { in: [...ids] } },
      select: { id: true, input: true, output: true },
    })
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => {
      const texts = byId.get(id)
      if (texts === undefined) throw new Error(`${id} is no run`)
      return texts
    })
  })
}

/**
 * A text of a run.
 *
 * @throws RequestError QUERY_TOO_COMPLEX once the operation has shown too much of them
 */
export async function runText<Name extends keyof RunTexts>(
  context: Context,
  id: string,
  name: Name,
): Promise<RunTexts[Name]> {
  const text = (await textsLoader(context).load(id))[name]
  const length = (shown.get(context) ?? 0) + (text?.length ?? 0)
  if (length > maxLength) throw tooMuch()
  shown.set(context, length)
  return text
}
