import type { Context } from '../context.ts'
import {
  findPages,
  type Listed,
  type NestedListing,
  type Page,
  type PageArgs,
  pageRequest,
} from '../db/page.ts'

/** Of one statement: the embedded database works on the thread that answers everybody. */
const mostParents = 250

/**
 * A page of a parent's own list. All parents of one operation that ask for the same page are
 * answered together, 250 at a time.
 */
export function nestedPage<Row extends Listed>(
  context: Context,
  field: string,
  parent: string,
  args: PageArgs,
  listing: () => NestedListing,
): Promise<Page<Row>> {
  const page = pageRequest(args)
  const name = `${field} ${page.limit} ${args.after ?? ''}`
  const loader = context.batch<Page<Row>>(name, async (parents) => {
    const pages: Page<Row>[] = []
    while (pages.length < parents.length) {
      const some = parents.slice(pages.length, pages.length + mostParents)
      const found = await findPages<Row>(context.deps.prisma, context.caller, some, listing(), page)
      pages.push(...found)
    }
    return pages
  })
  return loader.load(parent)
}
