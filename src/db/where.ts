import { isId } from '../ids.ts'
import type { PageRequest } from './page.ts'

/** No row. */
export const none = { id: { in: [] } }

/** The row of this id. What has no id's shape is nowhere, and is not sent. */
export const hasId = (id: string) => (isId(id) ? { id } : none)

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
