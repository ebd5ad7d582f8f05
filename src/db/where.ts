import { isId } from '../ids.ts'
import type { Listed, PageRequest } from './page.ts'

/** No row. */
export const none = { id: { in: [] } }

/** The row of this id. What has no id's shape is nowhere, and is not sent. */
export const hasId = (id: string) => (isId(id) ? { id } : none)

/**
 * The value, of all there are, where it is not stored but worked out. What equals such a value is taken
 * for rare: it would be worked out for every row before the first of a page is found.
 */
export const isNoOther = <Value extends string>(
  value: Value,
  all: Readonly<Record<string, Value>>,
) => ({
  notIn: Object.values(all).filter((other) => other !== value),
})

/** After the one and before the other instant; undefined: whenever. */
export const between = (after: Date | undefined, before: Date | undefined) => ({
  ...(after && { gt: after }),
  ...(before && { lt: before }),
})

/** Contains the text, in any case; the text's own wildcards stand for themselves. */
export const containing = (text: string) => ({
  contains: text.replaceAll(/[\\%_]/g, '\\$&'),
  mode: 'insensitive' as const,
})

/** The rows behind a cursor: a condition on the place it names, which needs no row to be there. */
type Behind = ReturnType<typeof behind>

const behind = ({ after }: PageRequest) =>
  after === null
    ? {}
    : {
        AND: [
          { createdAt: { lte: after.at } },
          { OR: [{ createdAt: { lt: after.at } }, { id: { lt: after.id } }] },
        ],
      }

/** The rows of a page and one more, newest first, of those that fulfil all conditions. */
export interface RowsOfPage<Where> {
  readonly where: { AND: (Where | Behind)[] }
  readonly orderBy: [{ createdAt: 'desc' }, { id: 'desc' }]
  readonly take: number
}

export const rowsOfPage = <Where>(page: PageRequest, where: Where[]): RowsOfPage<Where> => ({
  where: { AND: [...where, behind(page)] },
  orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
  take: page.limit + 1,
})

/** How many rows of a whole list are read at a time: what else is asked has its turn in between. */
const rowsAtOnce = 1_000

/** All rows of a list that fulfil the condition, newest first. */
export async function findAll<Where, Row extends Listed>(
  where: Where,
  find: (query: RowsOfPage<Where>) => Promise<Row[]>,
): Promise<Row[]> {
  const all: Row[] = []
  for (;;) {
    const last = all.at(-1)
    const after = last ? { at: last.createdAt, id: last.id } : null
    const rows = await find(rowsOfPage({ limit: rowsAtOnce, after }, [where]))
    all.push(...rows)
    if (rows.length <= rowsAtOnce) return all
  }
}
